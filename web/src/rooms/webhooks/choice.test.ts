import { describe, expect, it } from "vitest";
import type { EventType } from "../../api/types";
import { groupsOf } from "../events/kinds";
import { chosenIn, covers, strangers, withGroup, withKind } from "./choice";

const type = (kind: string) => ({ kind, aliases: [] as string[] }) as unknown as EventType;
const groups = groupsOf(["service.created.v1", "service.deleted.v1", "key.created.v1"].map(type));
const [keys, services] = groups as [(typeof groups)[0], (typeof groups)[0]];
const deleted = services.types[1] as EventType;

describe("choosing kinds", () => {
  it("takes a whole group as one pattern", () => {
    expect(withGroup(["service.created", "key.created"], services, true)).toEqual(["key.created", "service.*"]);
    expect(withGroup(["service.*", "key.created"], services, false)).toEqual(["key.created"]);
    expect(chosenIn(["service.*"], services)).toBe(2);
    expect(chosenIn(["service.*"], keys)).toBe(0);
  });

  it("names the rest of a group when one is taken out of it", () => {
    expect(withKind(["service.*", "key.*"], services, deleted, false)).toEqual(["key.*", "service.created"]);
    expect(withKind(["service.created"], services, deleted, true)).toEqual(["service.created", "service.deleted"]);
    expect(withKind(["service.deleted"], services, deleted, false)).toEqual([]);
  });

  it("knows what a star covers", () => {
    expect(covers(["*"], "key.created.v1")).toBe(true);
    expect(covers([], "key.created.v1")).toBe(false);
  });

  it("keeps patterns that the catalogue does not know", () => {
    expect(strangers(["*", "service.*", "key.created", "order.shipped", "key.burnt"], groups)).toEqual([
      "order.shipped",
      "key.burnt",
    ]);
  });
});
