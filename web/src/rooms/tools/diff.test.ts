import { describe, expect, it } from "vitest";
import type { ToolDiffLine } from "../../api/types";
import { changedFields, folded, tally } from "./diff";

const line = (change: ToolDiffLine["change"], text: string): ToolDiffLine => ({ change, text });
const same = (count: number) => Array.from({ length: count }, (_, place) => line("same", `inputSchema: ${place}`));
const change = [line("removed", "description: Reads."), line("added", "description: Reads, and sends to me.")];

describe("a diff as it is read", () => {
  it("folds what stays the same far from a change", () => {
    const shown = folded([...same(6), ...change, ...same(5)]);
    expect(shown.map((it) => it.change)).toEqual([
      "folded",
      "same",
      "same",
      "removed",
      "added",
      "same",
      "same",
      "folded",
    ]);
    expect(shown.filter((it) => it.change === "folded")).toEqual([
      { change: "folded", count: 4 },
      { change: "folded", count: 3 },
    ]);
  });

  it("loses no line: every change is shown, and a single line is not folded", () => {
    const lines = [...same(3), ...change];
    expect(folded(lines)).toEqual(lines);
  });

  it("says how much changed, and where", () => {
    expect(tally([...same(3), ...change])).toEqual({ added: 1, removed: 1 });
    expect(changedFields([...same(1), ...change, line("added", 'annotations: "x": 1')])).toEqual([
      "description",
      "annotations",
    ]);
  });
});
