/** Time ranges as the address keeps them: `1h` moves with the clock, `from` and `to` stand still. */

export const ranges = [
  { value: "15m", name: "Last 15 minutes", lastS: 900 },
  { value: "1h", name: "Last hour", lastS: 3_600 },
  { value: "24h", name: "Last 24 hours", lastS: 86_400 },
  { value: "7d", name: "Last 7 days", lastS: 604_800 },
  { value: "30d", name: "Last 30 days", lastS: 2_592_000 },
] as const;

export function lengthOf(range: string | undefined, otherwise = 3_600): number {
  return ranges.find((it) => it.value === range)?.lastS ?? otherwise;
}

/** Rounded down to the minute, so that the same view asks the same question for a minute. */
export function startOf(range: string | undefined, now: number): string | undefined {
  const found = ranges.find((it) => it.value === range);
  if (!found) return undefined;
  return new Date(Math.floor((now - found.lastS * 1000) / 60_000) * 60_000).toISOString();
}

/** A step that gives a chart some sixty to a hundred points. */
export function stepFor(lastS: number): number {
  const steps = [10, 30, 60, 300, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400];
  return steps.find((step) => lastS / step <= 100) ?? 86_400;
}
