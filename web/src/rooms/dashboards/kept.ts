import type { State } from "../../api/widgets";
import type { Json, Operation, Patch } from "./patch";

const mostChars = 80;

function shown(value: Json | undefined): string {
  const text = typeof value === "string" ? `“${value}”` : JSON.stringify(value ?? null);
  return text.length > mostChars ? `${text.slice(0, mostChars - 1)}…` : text;
}

function lineOf({ op, path, value }: Operation, state: State | null): string {
  const [place, id = "", ...field] = path.split("/").slice(1);
  if (place === "order") return "the order of the widgets";
  if (place !== "widgets")
    return op === "remove"
      ? `without ${[place, id].filter(Boolean).join(" ")}`
      : `${[place, id].filter(Boolean).join(" ")}: ${shown(value)}`;
  const title = state?.widgets[id]?.title;
  const widget = title === undefined ? "a widget that is gone" : `the widget “${title}”`;
  if (field.length > 0) return `${field.join(" ")} of ${widget}: ${op === "remove" ? "none" : shown(value)}`;
  return op === "remove" ? `${widget} removed` : `the widget ${shown((value as { title?: Json } | undefined)?.title)}`;
}

/** Each edit that was kept, in words. */
export const keptLines = (kept: Patch, state: State | null): { path: string; text: string }[] =>
  kept.map((operation) => ({ path: operation.path, text: lineOf(operation, state) }));
