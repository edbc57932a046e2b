import { expect, it } from "vitest";
import type { UsageRow } from "../../../api/types";
import { errorBudgetLeft, figuresOf } from "./readings";
import { changeTone, dayNumber, dayText } from "./words";

const row = (calls: number, failed: number, refused: number, p95_us: number | null) =>
  ({ calls, failed, refused, p95_us, key: { name: `p95-${p95_us}` } }) as UsageRow;

it("counts what was answered, and names the slowest", () => {
  const figures = figuresOf([row(10, 1, 4, 300), row(5, 0, 0, 900), row(1, 0, 1, null)]);
  expect(figures).toMatchObject({ calls: 16, failed: 1, answered: 11, worst: { key: { name: "p95-900" } } });
  expect(figuresOf([])).toMatchObject({ calls: 0, answered: 0, worst: undefined });
});

it("says how much of the allowed errors are left", () => {
  expect(errorBudgetLeft(100, 99)).toBe(100);
  expect(errorBudgetLeft(99.5, 99)).toBeCloseTo(50);
  expect(errorBudgetLeft(98, 99)).toBeCloseTo(-100);
  expect([errorBudgetLeft(100, 100), errorBudgetLeft(99, 100)]).toEqual([100, 0]);
});

it("calls a change good or bad only when its direction was said", () => {
  const tone = (change_percent: number, better?: "higher" | "lower") =>
    changeTone({ name: "n", value: 1, change_percent, better });
  expect([tone(5, "higher"), tone(5, "lower"), tone(-5, "lower"), tone(5), tone(0, "higher")]).toEqual([
    "ok",
    "bad",
    "ok",
    "dim",
    "dim",
  ]);
});

it("counts calendar days without a time zone", () => {
  expect(dayNumber("2026-03-30") - dayNumber("2026-03-28")).toBe(2);
  expect(dayText(dayNumber("2026-11-20"))).toBe("2026-11-20");
});
