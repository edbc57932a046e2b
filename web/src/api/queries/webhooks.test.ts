import { describe, expect, it } from "vitest";
import { untilNextTry } from "./webhooks";

const now = Date.parse("2026-11-20T12:00:00Z");
const pending = (next_at: string | null) => ({ state: "pending" as const, next_at });

describe("how long deliveries are left alone", () => {
  it("is long while nothing is on its way", () => {
    expect(untilNextTry([], now)).toBe(30_000);
    expect(untilNextTry([{ state: "delivered", next_at: null }], now)).toBe(30_000);
  });

  it("is until the soonest try should be over", () => {
    expect(untilNextTry([pending("2026-11-20T12:00:20Z"), pending("2026-11-20T12:00:02Z")], now)).toBe(3_000);
    expect(untilNextTry([pending("2026-11-20T12:00:25Z")], now)).toBe(26_000);
    expect(untilNextTry([pending("2026-11-20T12:10:00Z")], now)).toBe(30_000);
  });

  it("is short while one is due, and not shorter however long it has been", () => {
    expect(untilNextTry([pending("2026-11-20T11:59:59Z")], now)).toBe(5_000);
    expect(untilNextTry([pending("2026-11-20T10:00:00Z")], now)).toBe(5_000);
  });

  it("is short while one may be running", () => {
    expect(untilNextTry([pending("2026-11-20T12:00:18Z")], now)).toBe(5_000);
  });

  it("leaves alone what waits behind another one", () => {
    expect(untilNextTry([pending(null)], now)).toBe(30_000);
  });
});
