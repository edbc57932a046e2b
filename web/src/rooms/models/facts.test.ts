import { expect, test } from "vitest";
import type { Model } from "../../api/types";
import { changesOf, check, valuesOf } from "./facts";

const model: Model = {
  name: "big",
  service: { id: "svc_1", name: "acme-ai", status: "healthy" },
  lifecycle: "current",
  family: "",
  version: "",
  sends: "",
  note: "",
  context_tokens: 9000,
  max_output_tokens: null,
  capabilities: ["chat"],
  quality: 4,
  speed: null,
  price: { input_microusd_per_mtok: 2_500_000, output_microusd_per_mtok: 10_000_000, call_microusd: 0 },
  own_price: false,
  deprecated_at: null,
  retires_at: "2026-12-01T00:00:00.000Z",
  successor: "",
  when_retired: "refuse",
};

test("what was not touched is not sent", () => {
  const before = valuesOf(model);
  expect(changesOf(before, before)).toEqual({});
  expect(changesOf(before, { ...before, quality: "", retires_at: "", speed: "5" })).toEqual({
    quality: null,
    retires_at: null,
    speed: 5,
  });
});

test("a price of its own is sent whole, and taken back with null", () => {
  const before = valuesOf(model);
  expect(changesOf(before, { ...before, own_price: true, price_in: "0.15" })).toEqual({
    price: { input_microusd_per_mtok: 150_000, output_microusd_per_mtok: 10_000_000, call_microusd: 0 },
  });
  const own = valuesOf({ ...model, own_price: true });
  expect(changesOf(own, { ...own, own_price: false })).toEqual({ price: null });
});

test("a day is the UTC one, and the end does not come first", () => {
  const before = valuesOf(model);
  const values = { ...before, deprecated_at: "2026-12-02" };
  expect(changesOf(before, values)).toEqual({ deprecated_at: "2026-12-02T00:00:00Z" });
  expect(check(values).retires_at).toBe("Not before it is deprecated");
  expect(check({ ...before, when_retired: "successor" }).successor).toBeDefined();
  expect(Object.values(check(before)).filter(Boolean)).toEqual([]);
  expect(check({ ...before, context_tokens: "1.5", own_price: true, price_in: "" })).toMatchObject({
    context_tokens: "A whole number, or nothing",
    price_in: "Enter an amount of dollars",
  });
});
