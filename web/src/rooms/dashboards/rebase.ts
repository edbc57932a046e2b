import { applied, difference, type Json, type Operation, type Patch, same, valueAt } from "./patch";

/** What the server takes in one patch; the rest goes out after it. */
export const mostOperations = 200;

/**
 * Our edits moved from one state of the server to a newer one. What is so already needs no edit; where somebody else
 * changed the same thing meanwhile, theirs stays and `lost` says that ours did not fit.
 */
export function rebased(before: Json, shown: Json, after: Json): { shown: Json; lost: boolean } {
  const { shown: now, misfits } = moved(before, shown, after);
  return { shown: now, lost: misfits.length > 0 };
}

export function moved(before: Json, shown: Json, after: Json): { shown: Json; misfits: Patch } {
  const edits = difference(before, shown);
  if (edits.length === 0) return { shown: after, misfits: [] };
  let now = after;
  const misfits: Patch = [];
  for (const edit of edits) {
    const there = valueAt(now, edit.path);
    if (same(there, edit.op === "remove" ? undefined : edit.value)) continue;
    const fitting = edit.path === "/order" ? orderMoved(before, edit, there) : edit;
    if (fitting === edit && !same(valueAt(before, edit.path), there)) {
      misfits.push(edit);
      continue;
    }
    try {
      now = applied(now, [fitting]);
    } catch {
      misfits.push(edit);
    }
  }
  return { shown: now, misfits };
}

const ids = (value: Json | undefined): string[] =>
  Array.isArray(value) ? value.filter((id): id is string => typeof id === "string") : [];

/** Two people may add, remove and move widgets at once: the order takes what each of them did to it. */
function orderMoved(before: Json, edit: Operation, there: Json | undefined): Operation {
  const [was, mine, theirs] = [ids(valueAt(before, "/order")), ids(edit.value), ids(there)];
  const removed = new Set(was.filter((id) => !mine.includes(id)));
  const gone = new Set(was.filter((id) => !theirs.includes(id)));
  const kept = mine.filter((id) => !gone.has(id));
  const added = theirs.filter((id) => !was.includes(id) && !kept.includes(id));
  return { ...edit, value: [...kept, ...added].filter((id) => !removed.has(id)) };
}

/** What was kept, put on top of what is there now, whoever wrote that; `lost` when some of it has no place any more. */
export function forced(now: Json, kept: Patch): { shown: Json; lost: boolean } {
  return kept.reduce<{ shown: Json; lost: boolean }>(
    ({ shown, lost }, { op, path, value = null }) => {
      const there = valueAt(shown, path);
      if (op === "remove" && there === undefined) return { shown, lost };
      const wanted = path === "/order" ? orderOver(ids(value), ids(there)) : value;
      const operation: Operation =
        op === "remove" ? { op, path } : { op: there === undefined ? "add" : "replace", path, value: wanted };
      try {
        return { shown: applied(shown, [operation]), lost };
      } catch {
        return { shown, lost: true };
      }
    },
    { shown: now, lost: false },
  );
}

/** My order of what is still there, then what I did not know of. */
const orderOver = (mine: string[], there: string[]): string[] => [
  ...mine.filter((id) => there.includes(id)),
  ...there.filter((id) => !mine.includes(id)),
];

/** One version of each thing is kept: the latest. */
export const keeping = (kept: Patch, more: Patch): Patch =>
  [...kept.filter((old) => !more.some((operation) => operation.path === old.path)), ...more].slice(-mostOperations);
