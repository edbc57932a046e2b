import { describe, expect, it } from "vitest";
import {
  ago,
  bytes,
  compact,
  duration,
  money,
  percent,
  perSecond,
  roundMoney,
  seconds,
  shortId,
  tokens,
} from "./format";

describe("money", () => {
  it.each([
    [0, "$0"],
    [3_100, "$0.0031"],
    [12, "$0.000012"],
    [42_000, "$0.0420"],
    [184_200_000, "$184.20"],
    [12_345_678_900, "$12,345.68"],
    [-1_500_000, "-$1.50"],
    [null, "–"],
  ])("says %s micro-dollars as %s", (microusd, words) => expect(money(microusd)).toBe(words));

  it("leaves the cents away from round limits only", () => {
    expect(roundMoney(20_000_000)).toBe("$20");
    expect(roundMoney(20_500_000)).toBe("$20.50");
  });
});

describe("time", () => {
  it.each([
    [0, "0 ms"],
    [4, "0.004 ms"],
    [40, "0.04 ms"],
    [412, "0.41 ms"],
    [4_000, "4 ms"],
    [9_940, "9.9 ms"],
    [212_400, "212 ms"],
    [999_600, "1 s"],
    [1_840_000, "1.84 s"],
    [220_000_000, "3 min 40 s"],
    [13_200_000_000, "3 h 40 m"],
    [null, "–"],
  ])("says %s µs as %s", (us, words) => expect(duration(us)).toBe(words));

  it("goes from seconds to days without odd sixties", () => {
    expect(seconds(59.999)).toBe("1 min");
    expect(seconds(3_600)).toBe("1 h");
    expect(seconds(86_400 * 2 + 3_600)).toBe("2 d 1 h");
  });

  it("looks back and ahead from now", () => {
    const now = Date.parse("2026-01-02T00:00:00Z");
    expect(ago("2026-01-01T23:59:58Z", now)).toBe("just now");
    expect(ago("2026-01-01T23:59:20Z", now)).toBe("40 s ago");
    expect(ago("2026-01-01T21:00:00Z", now)).toBe("3 h ago");
    expect(ago("2026-01-09T00:00:00Z", now)).toBe("in 7 d");
    expect(ago("nonsense", now)).toBe("–");
  });
});

describe("figures", () => {
  it("never stand without their unit", () => {
    expect(tokens(1)).toBe("1 token");
    expect(tokens(1_204)).toBe("1,204 tokens");
    expect(bytes(999)).toBe("999 B");
    expect(bytes(43_210)).toBe("43.2 KB");
    expect(percent(0.004)).toBe("< 0.01 %");
    expect(percent(0.42)).toBe("0.42 %");
    expect(percent(61.24)).toBe("61.2 %");
  });

  it("get shorter as they get larger", () => {
    expect(compact(9_999)).toBe("9,999");
    expect(compact(120_400)).toBe("120.4K");
    expect(perSecond(1_284.4)).toBe("1,284");
    expect(perSecond(1.24)).toBe("1.2");
    expect(perSecond(0.034)).toBe("0.03");
    expect(perSecond(0.0003)).toBe("< 0.01");
  });

  it("keep both ends of a long id", () => {
    expect(shortId("call_01JD3M8Q0000000000000000K7")).toBe("call_01JD3M8…00K7");
    expect(shortId("short")).toBe("short");
  });
});
