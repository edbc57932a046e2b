import { describe, expect, it } from "vitest";
import type { Webhook } from "../../api/types";
import { blank, changesOf, check, commandOf, draftOf, valuesOf } from "./draft";
import { healthOf } from "./words";

const good = { ...blank, name: "Shop", url: "https://shop.example/hook", kinds: ["service.*"] };
const problems = (more: Partial<typeof blank>) =>
  Object.entries(check({ ...good, ...more })).filter(([, problem]) => problem);

describe("the form of a webhook", () => {
  it("takes what the server would take", () => {
    expect(problems({})).toEqual([]);
    expect(problems({ ladder: "1, 60 3600" })).toEqual([]);
  });

  it("says what is wrong with each field", () => {
    for (const wrong of [
      { name: " " },
      { url: "shop.example" },
      { url: "ftp://shop.example" },
      { url: "https://me:secret@shop.example" },
      { kinds: [] },
      { kinds: Array.from({ length: 51 }, (_, at) => `k.v${at}`) },
      { headers: [{ row: 0, name: "X Y", value: "1", stored: null }] },
      { headers: [{ row: 0, name: "X-A", value: "", stored: null }] },
      { headers: ["X-A", "x-a"].map((name, row) => ({ row, name, value: "1", stored: null })) },
      { ladder: "0" },
      { ladder: "soon" },
      { ladder: "1 1 1 1 1 1 1 1 1 1 1" },
    ]) {
      expect(problems(wrong)).toHaveLength(1);
    }
  });

  it("sends only what differs, and no value for a header that stays", () => {
    const webhook = {
      ...good,
      services: ["svc_1"],
      headers: [{ name: "X-Team", hint: "…ops" }],
      ladder_s: [1, 5],
    } as unknown as Webhook;
    const before = valuesOf(webhook);
    expect(changesOf(before, before)).toEqual({});
    expect(changesOf(before, { ...before, name: "Store" })).toEqual({ name: "Store" });
    expect(changesOf(before, { ...before, ladder: "" })).toEqual({ ladder_s: null });
    const added = [...before.headers, { row: 1, name: "X-B", value: "2", stored: null }];
    expect(changesOf(before, { ...before, headers: added })).toEqual({
      headers: [{ name: "X-Team" }, { name: "X-B", value: "2" }],
    });
  });

  it("has its command line without the values of headers", () => {
    const headers = [{ row: 0, name: "X-A", value: "hush", stored: null }];
    const draft = draftOf({ ...good, headers, ladder: "1, 5", description: "it's ours" });
    expect(commandOf(draft)).toBe(
      "portico webhooks add Shop --url https://shop.example/hook --kind 'service.*' --header X-A --ladder 1,5 --description 'it'\\''s ours'",
    );
  });
});

describe("how an endpoint does", () => {
  const health = {
    delivered_24h: 0,
    failed_24h: 0,
    pending: 0,
    dead: 0,
    last_success_at: null as string | null,
    last_failure_at: null as string | null,
    last_error: null,
  };
  const [early, late] = ["2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z"];

  it("is one word, the worst that holds", () => {
    const of = (more: Partial<typeof health>, status: Webhook["status"] = "active") =>
      healthOf({ status, health: { ...health, ...more } }).text;
    expect(of({})).toBe("nothing sent yet");
    expect(of({ last_success_at: late, last_failure_at: early })).toBe("delivering");
    expect(of({ last_success_at: early, last_failure_at: late })).toBe("failing");
    expect(of({ last_failure_at: early })).toBe("failing");
    expect(of({ last_success_at: late, dead: 2 })).toBe("has dead deliveries");
    expect(of({ last_failure_at: late }, "paused")).toBe("paused");
    expect(of({ last_success_at: late }, "disabled")).toBe("disabled");
  });
});
