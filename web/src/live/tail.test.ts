import { describe, expect, it } from "vitest";
import type { Call, Service } from "../api/types";
import { appendToTail, emptyTail, lostSome, replaceTail, staleAfter, tailLength, withBreakers } from "./tail";

const call = (id: string, verdict: Call["verdict"] = "allowed") => ({ id, verdict }) as Call;
const ids = (tail: { items: Call[] }) => tail.items.map((it) => it.id);

describe("the tail of calls", () => {
  it("takes new calls, oldest first, on top", () => {
    const tail = appendToTail(replaceTail(5, [call("b"), call("a")]), 7, [call("c"), call("d")]);
    expect(ids(tail)).toEqual(["d", "c", "b", "a"]);
    expect(tail.cursor).toBe(7);
  });

  it("does not take a frame twice", () => {
    const tail = appendToTail(emptyTail, 3, [call("a")]);
    expect(appendToTail(tail, 3, [call("b")])).toBe(tail);
    expect(appendToTail(tail, 2, [call("b")])).toBe(tail);
  });

  it("changes a call that it knows in its place", () => {
    const tail = appendToTail(replaceTail(1, [call("b"), call("a")]), 2, [call("a", "failed"), call("c")]);
    expect(ids(tail)).toEqual(["c", "b", "a"]);
    expect(tail.items[2]?.verdict).toBe("failed");
  });

  it("starts afresh from a snapshot, also with an older cursor", () => {
    const tail = replaceTail(2, [call("x")]);
    expect(ids(tail)).toEqual(["x"]);
    expect(appendToTail(tail, 3, [call("y")]).items).toHaveLength(2);
  });

  it("is bounded and knows when it dropped calls", () => {
    const full = replaceTail(
      1,
      Array.from({ length: tailLength }, (_, index) => call(`old${index}`)),
    );
    const after = appendToTail(full, 2, [call("new")]);
    expect(after.items).toHaveLength(tailLength);
    expect(lostSome(full, after)).toBe(true);
    expect(lostSome(emptyTail, after)).toBe(false);
    expect(lostSome(after, appendToTail(after, 3, []))).toBe(false);
  });
});

describe("breakers", () => {
  it("reach the endpoint they belong to and leave others alone", () => {
    const service = {
      name: "pricing",
      versions: [
        {
          version: "v1",
          endpoints: [
            { id: "end_1", breaker: null },
            { id: "end_2", breaker: null },
          ],
        },
      ],
    } as unknown as Service;
    const open = {
      service: "pricing",
      endpoint_id: "end_2",
      state: "open",
      reason: "6 of 10",
      since: "2026-11-20T12:00:00Z",
      probe_at: null,
    } as const;
    const endpoints = withBreakers(service, [open]).versions[0]?.endpoints;
    expect(endpoints?.[0]?.breaker).toBeNull();
    expect(endpoints?.[1]?.breaker).toEqual({ state: "open", reason: "6 of 10", since: open.since, probe_at: null });
    expect(withBreakers(service, [{ ...open, service: "other" }])).toBe(service);
  });
});

describe("events", () => {
  it("make stale what they tell of, and the audit", () => {
    expect(staleAfter("service.created.v1")).toEqual(["services", "agents", "tools", "overview", "audit"]);
    expect(staleAfter("something.new.v1")).toEqual(["audit"]);
  });
});
