import { describe, expect, it } from "vitest";
import type { EventType, OrgEvent } from "../../api/types";
import { bare, fits, fitsKind, groupsOf, mergeEvents, named, placeOf } from "./kinds";

const event = (seq: number, more: Partial<OrgEvent> = {}) =>
  ({
    seq,
    id: `evt_${seq}`,
    kind: "service.created.v1",
    category: "application",
    subject: "service:svc_1",
    at: "2026-11-20T12:00:00Z",
    payload: { service_id: "svc_1", name: "inventory" },
    ...more,
  }) as OrgEvent;
const type = (kind: string, aliases: string[] = []) => ({ kind, aliases }) as EventType;

describe("kinds of events", () => {
  it("fit patterns as the server reads them", () => {
    expect(bare("service.created.v1")).toBe("service.created");
    for (const pattern of ["*", "service.*", "service.created", "service.created.v1"]) {
      expect(fitsKind(pattern, "service.created.v1")).toBe(true);
    }
    for (const pattern of ["serv.*", "service.create", "service.created.v2", "service"]) {
      expect(fitsKind(pattern, "service.created.v1")).toBe(false);
    }
  });

  it("are found by their aliases", () => {
    const types = [type("member.added.v1", ["user.created"])];
    expect(named("user.created", types)).toBe("member.added");
    expect(named("service.*", types)).toBe("service.*");
  });

  it("stand together by what they are about", () => {
    const groups = groupsOf([type("service.deleted.v1"), type("budget.created.v1"), type("service.created.v1")]);
    expect(groups.map((group) => [group.noun, group.types.map((it) => it.kind)])).toEqual([
      ["budget", ["budget.created.v1"]],
      ["service", ["service.created.v1", "service.deleted.v1"]],
    ]);
  });
});

describe("the log on the screen", () => {
  it("takes from the socket only what its filters ask for, each event once, newest first", () => {
    const live = [event(9), event(8, { kind: "key.created.v1" }), event(7)];
    expect(mergeEvents(live, [event(7), event(5)], { kind: "service.*" }).map((it) => it.seq)).toEqual([9, 7, 5]);
  });

  it("compares times as times, whatever their spelling", () => {
    expect(fits(event(1), { since: "2026-11-20T12:00:00.000Z" })).toBe(true);
    expect(fits(event(1), { since: "2026-11-20T13:00:00+00:30" })).toBe(false);
    expect(fits(event(1), { until: "2026-11-20T11:59:59Z" })).toBe(false);
    expect(fits(event(1), { subject: "service:svc_2" })).toBe(false);
    expect(fits(event(1), { category: "error" })).toBe(false);
  });
});

describe("the place of what an event is about", () => {
  it("is its page, as long as there is one", () => {
    expect(placeOf(event(1))).toBe("/services/inventory");
    expect(placeOf(event(1, { kind: "service.deleted.v1" }))).toBeNull();
    expect(placeOf(event(1, { kind: "key.revoked.v1", subject: "key:key_1" }))).toBe("/keys?open=key_1");
    expect(placeOf(event(1, { subject: "order:7" }))).toBeNull();
    expect(placeOf(event(1, { subject: "" }))).toBeNull();
  });
});
