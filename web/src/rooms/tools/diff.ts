import type { ToolDiffLine } from "../../api/types";

export interface Fold {
  change: "folded";
  count: number;
}
export type Shown = ToolDiffLine | Fold;

/** Long stretches that stay the same are folded; `around` lines of them stay on either side of a change. */
export function folded(lines: ToolDiffLine[], around = 2): Shown[] {
  const near = new Set<number>();
  lines.forEach((line, place) => {
    if (line.change === "same") return;
    for (let at = place - around; at <= place + around; at += 1) near.add(at);
  });
  const shown: Shown[] = [];
  let hidden: ToolDiffLine[] = [];
  const flush = () => {
    // A fold of a single line would take the place of that line.
    if (hidden.length > 1) shown.push({ change: "folded", count: hidden.length });
    else shown.push(...hidden);
    hidden = [];
  };
  lines.forEach((line, place) => {
    if (near.has(place)) {
      flush();
      shown.push(line);
    } else hidden.push(line);
  });
  flush();
  return shown;
}

export function tally(lines: ToolDiffLine[]): { added: number; removed: number } {
  const of = (change: ToolDiffLine["change"]) => lines.filter((line) => line.change === change).length;
  return { added: of("added"), removed: of("removed") };
}

/** The fields of the definition that differ, in the order in which they stand. */
export function changedFields(lines: ToolDiffLine[]): string[] {
  const changed = lines.filter((line) => line.change !== "same").map((line) => line.text.split(":")[0] ?? "");
  return [...new Set(changed)].filter(Boolean);
}
