import type { SeriesPoint } from "../../api/types";

export interface Slots {
  times: number[];
  points: (SeriesPoint | null)[];
}

/** Puts the points that exist onto an even ladder of steps; steps without calls stay empty. */
export function ladder(points: SeriesPoint[], stepS: number, fromMs: number, toMs: number): Slots {
  const stepMs = stepS * 1000;
  const start = Math.floor(fromMs / stepMs) * stepMs;
  const length = Math.min(2_000, Math.max(1, Math.floor((toMs - start) / stepMs) + 1));
  const slots: (SeriesPoint | null)[] = Array.from({ length }, () => null);
  for (const point of points) {
    const index = Math.floor((Date.parse(point.at) - start) / stepMs);
    if (index >= 0 && index < length) slots[index] = point;
  }
  return { times: slots.map((_, index) => start + index * stepMs), points: slots };
}
