import { describe, expect, it } from "vitest";
import type { EventConsumer, EventReplay } from "../../api/types";
import { askOf, check, commandOf, dueOf, localOf } from "./replay-ask";

const consumers = [
  { name: "webhooks", projection: false },
  { name: "event_counts", projection: true },
] as EventConsumer[];
const empty = { consumer: "", kinds: "", subject: "", since: "", until: "" };

describe("what is asked to be replayed", () => {
  it("leaves out what is empty", () => {
    expect(askOf(empty, consumers)).toEqual({});
    expect(
      askOf({ ...empty, consumer: "webhooks", kinds: "key.*, service.created", subject: " key:1 " }, consumers),
    ).toEqual({ consumer: "webhooks", kinds: ["key.*", "service.created"], subject: "key:1" });
  });

  it("is the whole of a projection", () => {
    expect(askOf({ ...empty, consumer: "event_counts", kinds: "key.*" }, consumers)).toEqual({
      projection: "event_counts",
    });
  });

  it("keeps the minute of a time on its way through the form", () => {
    const at = "2026-11-20T14:07:00.000Z";
    expect(askOf({ ...empty, since: localOf(at) }, consumers).since).toBe(at);
    expect(check({ ...empty, since: localOf(at), until: localOf(at) }).until).toContain("after the start");
  });

  it("has its command line", () => {
    expect(commandOf({ consumer: "webhooks", kinds: ["key.*"] })).toBe(
      "portico events replay --consumer webhooks --kind 'key.*' --dry-run",
    );
  });

  it("is due only for the one who was chosen", () => {
    const found = { events: 9, hits: [{ consumer: "webhooks", events: 4 }] } as EventReplay;
    expect(dueOf(found, { consumer: "webhooks" })).toBe(4);
    expect(dueOf(found, {})).toBe(0);
    expect(dueOf(null, { consumer: "webhooks" })).toBe(0);
  });
});
