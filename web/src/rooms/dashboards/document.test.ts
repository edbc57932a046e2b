import { describe, expect, it } from "vitest";
import type { Place, State, Widget } from "../../api/widgets";
import {
  added,
  byRows,
  chosen,
  edited,
  freePlace,
  inOrder,
  newWidgetId,
  nudged,
  overlap,
  placed,
  removed,
  restored,
  shifted,
  withView,
} from "./document";

const widget = (id: string, x: number, y: number, w = 4, h = 2): Widget => ({
  id,
  type: "Calls",
  title: id,
  place: { x, y, w, h },
  options: {},
});
const stateOf = (...widgets: Widget[]): State => ({
  schema: 1,
  layout: "grid",
  order: widgets.map((it) => it.id),
  widgets: Object.fromEntries(widgets.map((it) => [it.id, it])),
  view: {},
});
const at = (state: State, id: string) => state.widgets[id]?.place;
const spot = (x: number, y: number, w = 4, h = 2): Place => ({ x, y, w, h });

function collisions(state: State): string[] {
  const all = Object.values(state.widgets);
  return all.flatMap((one, index) =>
    all.slice(index + 1).flatMap((other) => (overlap(one.place, other.place) ? `${one.id} on ${other.id}` : [])),
  );
}

describe("moving a widget on the grid", () => {
  it("pushes down what stands in its way", () => {
    const state = placed(stateOf(widget("a", 0, 0), widget("b", 4, 0)), "b", spot(0, 0));
    expect([at(state, "b"), at(state, "a")]).toEqual([spot(0, 0), spot(0, 2)]);
  });

  it("closes the gap that it leaves", () => {
    const state = placed(stateOf(widget("a", 0, 0), widget("b", 0, 2)), "a", spot(8, 0));
    expect([at(state, "a"), at(state, "b")]).toEqual([spot(8, 0), spot(0, 0)]);
  });

  it("changes places with a neighbour below", () => {
    const state = placed(stateOf(widget("a", 0, 0), widget("b", 0, 2)), "a", spot(0, 2));
    expect([at(state, "b"), at(state, "a")]).toEqual([spot(0, 0), spot(0, 2)]);
  });

  it("goes past its neighbour with one press of a key", () => {
    const state = stateOf(widget("a", 0, 0, 4, 6), widget("b", 0, 6, 4, 3));
    const down = nudged(state, "a", 0, 1);
    expect([at(down, "b"), at(down, "a")]).toEqual([spot(0, 0, 4, 3), spot(0, 3, 4, 6)]);
    expect(nudged(down, "a", 0, -1).widgets).toEqual(state.widgets);
    expect(nudged(state, "a", -1, 0)).toBe(state);
    expect(nudged(state, "b", 0, 1)).toBe(state);
    expect(at(nudged(state, "a", 1, 0), "a")).toEqual(spot(1, 0, 4, 6));
  });

  it("stays on the grid, and never smaller than can be read", () => {
    const state = placed(stateOf(widget("a", 0, 0)), "a", { x: 11, y: -3, w: 40, h: 0 });
    expect(at(state, "a")).toEqual(spot(0, 0, 12, 2));
  });

  it("never leaves one widget on another, whatever is moved where", () => {
    let state = stateOf(...Array.from({ length: 9 }, (_, index) => widget(`w${index}`, (index % 3) * 4, 0)));
    let seed = 7;
    const next = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let turn = 0; turn < 300; turn += 1) {
      state = placed(state, `w${next(9)}`, spot(next(12), next(20), 1 + next(12), 1 + next(9)));
      expect(collisions(state)).toEqual([]);
    }
  });
});

describe("adding and removing", () => {
  it("puts a new widget where it fits", () => {
    const state = added(stateOf(widget("a", 0, 0, 8, 8)), { id: "b", type: "Spend", title: "Spend" });
    expect(at(state, "b")).toEqual(spot(8, 0, 4, 6));
    expect(state.order).toEqual(["a", "b"]);
    expect(freePlace(state, { w: 8, h: 2 })).toEqual(spot(0, 8, 8, 2));
  });

  it("undoes a removal, in place and order", () => {
    const before = stateOf(widget("a", 0, 0), widget("b", 4, 0), widget("c", 8, 0));
    const after = removed(before, "b");
    expect(inOrder(after).map((it) => it.id)).toEqual(["a", "c"]);
    expect(restored(after, before.widgets.b as Widget, 1)).toEqual(before);
  });

  it("brings a widget back elsewhere when its place is taken", () => {
    const before = stateOf(widget("a", 0, 0), widget("b", 0, 2));
    const after = placed(removed(before, "a"), "b", spot(0, 0));
    expect(collisions(restored(after, before.widgets.a as Widget, 0))).toEqual([]);
  });

  it("forgets a view that pointed at it", () => {
    const state = removed(withView(stateOf(widget("a", 0, 0)), "single", "a"), "a");
    expect(state.view).toEqual({});
  });
});

describe("the reading order", () => {
  it("passes over what is gone and ends with what it does not name", () => {
    const state = { ...stateOf(widget("b", 0, 0), widget("a", 4, 0)), order: ["gone", "b"] };
    expect(inOrder(state).map((it) => it.id)).toEqual(["b", "a"]);
    expect(byRows(state).map((it) => it.id)).toEqual(["b", "a"]);
  });

  it("moves a widget by one, not beyond the ends", () => {
    const state = stateOf(widget("a", 0, 0), widget("b", 4, 0));
    expect(shifted(state, "b", -1).order).toEqual(["b", "a"]);
    expect(shifted(state, "b", 1)).toBe(state);
  });

  it("shows the chosen widget, or the first when that is gone", () => {
    const state = stateOf(widget("a", 0, 0), widget("b", 4, 0));
    expect(chosen(withView(state, "single", "b"), "single", 0)?.id).toBe("b");
    expect(chosen(withView(state, "single", "gone"), "single", 0)?.id).toBe("a");
  });
});

it("changes of a widget only what the form changed", () => {
  const before = stateOf({ ...widget("a", 0, 0), options: { top: 3, verdict: "failed" } } as Widget);
  const opened = { title: "a", options: { top: 3, verdict: "failed" } };
  const meanwhile = edited(before, "a", opened, { title: "Theirs", options: { top: 3, service: "inventory" } });
  expect(meanwhile.widgets.a).toMatchObject({ title: "Theirs", options: { top: 3, service: "inventory" } });
  const after = edited(meanwhile, "a", opened, { title: "a", options: { top: 5, verdict: "failed" } });
  expect(after.widgets.a).toMatchObject({ title: "Theirs", options: { top: 5, service: "inventory" } });
  expect(after.widgets.a?.options).not.toHaveProperty("verdict");
});

it("makes ids that the schema takes", () => {
  const made = Array.from({ length: 200 }, () => newWidgetId());
  expect(made.every((id) => /^[a-z0-9][a-z0-9_-]{0,39}$/.test(id))).toBe(true);
  expect(new Set(made).size).toBe(200);
});
