import { expect, it } from "vitest";
import type { State } from "../../api/widgets";
import { keptLines } from "./kept";

const state = {
  schema: 1,
  layout: "grid",
  order: ["w1"],
  widgets: { w1: { id: "w1", title: "Calls" } },
  view: {},
} as unknown as State;

it("says in words what was kept", () => {
  const lines = keptLines(
    [
      { op: "replace", path: "/widgets/w1/title", value: "Ours" },
      { op: "replace", path: "/widgets/w9/title", value: "Ours" },
      { op: "remove", path: "/widgets/w1" },
      { op: "add", path: "/widgets/w2", value: { title: "New" } },
      { op: "replace", path: "/order", value: ["w2", "w1"] },
      { op: "replace", path: "/layout", value: "split" },
      { op: "add", path: "/view/step", value: "x".repeat(200) },
      { op: "remove", path: "/view/step" },
    ],
    state,
  );
  expect(lines.map((line) => line.text)).toEqual([
    "title of the widget “Calls”: “Ours”",
    "title of a widget that is gone: “Ours”",
    "the widget “Calls” removed",
    "the widget “New”",
    "the order of the widgets",
    "layout: “split”",
    `view step: “${"x".repeat(78)}…`,
    "without view step",
  ]);
});
