import { describe, expect, it } from "vitest";
import { applied, difference, type Json, type Patch, PatchDoesNotFit, pointer, valueAt } from "./patch";

const state: Json = { order: ["w1", "w2"], widgets: { w1: { title: "Calls" }, "a/b~c": { title: "Odd" } } };

describe("applying a patch", () => {
  it("adds, replaces and removes members, and leaves the old document alone", () => {
    const before = structuredClone(state);
    const after = applied(state, [
      { op: "replace", path: "/widgets/w1/title", value: "Traffic" },
      { op: "add", path: "/widgets/w3", value: { title: "New" } },
      { op: "remove", path: pointer("widgets", "a/b~c") },
      { op: "add", path: "/order/-", value: "w3" },
      { op: "remove", path: "/order/0" },
    ]);
    expect(after).toEqual({ order: ["w2", "w3"], widgets: { w1: { title: "Traffic" }, w3: { title: "New" } } });
    expect(state).toEqual(before);
  });

  it.each<Patch[number]>([
    { op: "replace", path: "/widgets/none/title", value: "x" },
    { op: "remove", path: "/widgets/none" },
    { op: "replace", path: "/order/2", value: "x" },
    { op: "add", path: "/order/4", value: "x" },
    { op: "add", path: "/order/01", value: "x" },
    { op: "add", path: "/order/0/title", value: "x" },
    { op: "replace", path: "/toString", value: "x" },
    { op: "replace", path: "", value: "x" },
  ])("refuses what does not fit: $op $path", (operation) => {
    expect(() => applied(state, [operation])).toThrow(PatchDoesNotFit);
  });

  it("does not reach into what every object inherits", () => {
    const after = applied(state, [{ op: "add", path: "/__proto__", value: { polluted: true } }]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.getPrototypeOf(after)).toBe(Object.prototype);
    expect(valueAt(state, "/widgets/constructor")).toBeUndefined();
  });
});

describe("the difference of two documents", () => {
  it("is nothing for the same, and touches only what changed", () => {
    expect(difference(state, structuredClone(state))).toEqual([]);
    const after = applied(state, [{ op: "replace", path: "/widgets/a~1b~0c/title", value: "Even" }]);
    expect(difference(state, after)).toEqual([{ op: "replace", path: "/widgets/a~1b~0c/title", value: "Even" }]);
  });

  it("leads from the one to the other", () => {
    const after: Json = { order: ["w2"], widgets: { w1: { title: "Calls", place: { x: 0 } } }, layout: "grid" };
    expect(applied(state, difference(state, after))).toEqual(after);
  });
});
