import type { Layout, Place, State, Widget, WidgetType } from "../../api/widgets";
import { type Json, same } from "./patch";

/** What can be done to a dashboard, each from one state to the next; what is sent is the difference. */

export const columns = 12;
export const rowPx = 40;
export const gapPx = 14;
export const mostWidgets = 30;
const tallest = 24;
const lowestRow = 999;

export const layouts: { value: Layout; name: string; says: string }[] = [
  { value: "grid", name: "Grid", says: "each widget at its place" },
  { value: "split", name: "Split", says: "two widgets side by side" },
  { value: "single", name: "Single", says: "one widget fills the page" },
  { value: "wizard", name: "Wizard", says: "one widget after the other, in steps" },
];

const sizes: Record<WidgetType, { w: number; h: number }> = {
  ProjectStatus: { w: 4, h: 6 },
  TaskList: { w: 4, h: 7 },
  Metrics: { w: 6, h: 4 },
  Alert: { w: 4, h: 6 },
  KanbanBoard: { w: 8, h: 8 },
  GanttChart: { w: 8, h: 7 },
  BurndownChart: { w: 6, h: 6 },
  TeamActivity: { w: 4, h: 7 },
  Calls: { w: 8, h: 9 },
  Spend: { w: 4, h: 6 },
  Slo: { w: 4, h: 5 },
  ServiceHealth: { w: 4, h: 6 },
};

/** The widgets in reading order: as the order names them, and those it does not name after them by id. */
export function inOrder(state: State): Widget[] {
  const named = state.order.filter((id) => Object.hasOwn(state.widgets, id));
  const others = Object.keys(state.widgets)
    .filter((id) => !named.includes(id))
    .sort();
  return [...named, ...others].flatMap((id) => state.widgets[id] ?? []);
}

const byPlace = (one: Widget, other: Widget) =>
  one.place.y - other.place.y || one.place.x - other.place.x || (one.id < other.id ? -1 : 1);

/** The widgets of a grid as they are read: line by line, from the left. */
export const byRows = (state: State): Widget[] => inOrder(state).sort(byPlace);

export const overlap = (one: Place, other: Place): boolean =>
  one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h;

export function within(place: Place): Place {
  const w = Math.min(columns, Math.max(1, Math.round(place.w)));
  const h = Math.min(tallest, Math.max(2, Math.round(place.h)));
  const x = Math.min(columns - w, Math.max(0, Math.round(place.x)));
  return { x, y: Math.min(lowestRow, Math.max(0, Math.round(place.y))), w, h };
}

/** Puts one widget at a place; what stands in its way moves down, and all move up as far as they can. */
export function placed(state: State, id: string, wanted: Place): State {
  const moved = state.widgets[id];
  if (!moved) return state;
  const held: Widget = { ...moved, place: within(wanted) };
  const others = byRows(state).filter((widget) => widget.id !== id);
  return withWidgets(state, packed(packed(others, held)));
}

/** From the top: each widget rises until it meets one that stands already. One that is held stays, and others pass it. */
function packed(widgets: Widget[], held?: Widget): Widget[] {
  const standing: Widget[] = [];
  const blocked = (place: Place) => standing.some((widget) => overlap(widget.place, place));
  const onHeld = (place: Place) => held !== undefined && overlap(held.place, place);
  for (const widget of [...widgets].sort(byPlace)) {
    let y = widget.place.y;
    while (blocked({ ...widget.place, y })) y += 1;
    let best: number | null = onHeld({ ...widget.place, y }) ? null : y;
    for (let higher = y - 1; higher >= 0 && !blocked({ ...widget.place, y: higher }); higher -= 1) {
      if (!onHeld({ ...widget.place, y: higher })) best = higher;
    }
    while (best === null) {
      y += 1;
      if (!blocked({ ...widget.place, y }) && !onHeld({ ...widget.place, y })) best = y;
    }
    standing.push({ ...widget, place: { ...widget.place, y: best } });
  }
  return held ? [...standing, held] : standing;
}

/** One step in a direction by key: as far as it takes to get past what is in the way. */
export function nudged(state: State, id: string, dx: -1 | 0 | 1, dy: -1 | 0 | 1): State {
  const start = state.widgets[id]?.place;
  if (!start) return state;
  for (let steps = 1; steps <= columns + 4 * tallest; steps += 1) {
    const wanted = { ...start, x: start.x + dx * steps, y: start.y + dy * steps };
    if (wanted.y < 0 || wanted.x < 0 || wanted.x + wanted.w > columns) return state;
    const next = placed(state, id, wanted);
    const now = next.widgets[id]?.place;
    if (now && (now.x !== start.x || now.y !== start.y)) return next;
  }
  return state;
}

const withWidgets = (state: State, widgets: Widget[]): State => ({
  ...state,
  widgets: { ...state.widgets, ...Object.fromEntries(widgets.map((widget) => [widget.id, widget])) },
});

/** The first place, from the top, where a widget of this size fits. */
export function freePlace(state: State, size: { w: number; h: number }): Place {
  const taken = Object.values(state.widgets).map((widget) => widget.place);
  for (let y = 0; y < lowestRow; y += 1) {
    for (let x = 0; x + size.w <= columns; x += 1) {
      const place = { x, y, w: size.w, h: size.h };
      if (taken.every((other) => !overlap(place, other))) return place;
    }
  }
  return { x: 0, y: lowestRow, w: size.w, h: size.h };
}

export function added(state: State, widget: { id: string; type: WidgetType; title: string; options?: object }): State {
  const place = freePlace(state, sizes[widget.type]);
  const whole = { ...widget, place, options: widget.options ?? {} } as Widget;
  return { ...state, order: [...state.order, widget.id], widgets: { ...state.widgets, [widget.id]: whole } };
}

export function removed(state: State, id: string): State {
  const { [id]: _gone, ...widgets } = state.widgets;
  const view = Object.fromEntries(Object.entries(state.view).filter(([, value]) => value !== id));
  return { ...state, order: state.order.filter((it) => it !== id), widgets, view };
}

/** A removed widget again as it was, where it was in the order; what took its place meanwhile stays. */
export function restored(state: State, widget: Widget, position: number): State {
  if (Object.hasOwn(state.widgets, widget.id)) return state;
  const clear = Object.values(state.widgets).every((other) => !overlap(other.place, widget.place));
  const place = clear ? widget.place : freePlace(state, widget.place);
  const order = state.order.filter((it) => it !== widget.id).toSpliced(position, 0, widget.id);
  return { ...state, order, widgets: { ...state.widgets, [widget.id]: { ...widget, place } } };
}

/** One step earlier or later in the reading order. */
export function shifted(state: State, id: string, by: -1 | 1): State {
  const order = inOrder(state).map((widget) => widget.id);
  const at = order.indexOf(id);
  const to = at + by;
  const other = order[to];
  if (at === -1 || other === undefined) return state;
  return { ...state, order: order.with(at, other).with(to, id) };
}

export interface Wording {
  title: string;
  options: object;
}

/** What a form made of a widget: only what it changed, so that what others did to it meanwhile stays. */
export function edited(state: State, id: string, from: Wording, to: Wording): State {
  const widget = state.widgets[id];
  if (!widget) return state;
  const [before, after] = [from.options, to.options] as Record<string, Json>[];
  const options: Record<string, Json> = { ...(widget.options as Record<string, Json>) };
  for (const name of new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])) {
    const value = after?.[name];
    if (same(before?.[name], value)) continue;
    if (value === undefined) delete options[name];
    else options[name] = value;
  }
  const title = to.title === from.title ? widget.title : to.title;
  return { ...state, widgets: { ...state.widgets, [id]: { ...widget, title, options } as Widget } };
}

export const withLayout = (state: State, layout: Layout): State => ({ ...state, layout });

export const withView = (state: State, name: string, value: string): State => ({
  ...state,
  view: { ...state.view, [name]: value },
});

/** The widget that a part of the page shows: the one chosen, if it is still there, or the one it starts with. */
export function chosen(state: State, name: string, otherwise: number): Widget | undefined {
  const widgets = inOrder(state);
  const id = state.view[name];
  return widgets.find((widget) => widget.id === id) ?? widgets[otherwise];
}

/** Unlike any other, in this dashboard and in one that another tab has not sent yet. */
export const newWidgetId = (random = crypto.getRandomValues(new Uint8Array(6))): string =>
  `w${[...random].map((byte) => byte.toString(36).padStart(2, "0")).join("")}`;
