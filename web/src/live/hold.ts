import { type FocusEvent, type PointerEvent, useState } from "react";

interface Row {
  id: string;
}

/** The rows as they were when somebody took hold of them, and what the list was about. */
interface Held<T> {
  about: string;
  rows: T[];
}

/** What is shown of a held list: nothing newer than its first row, while older rows may still be added below. */
export function heldRows<T extends Row>(rows: T[], held: T[]): T[] {
  const first = held[0];
  const from = rows.findIndex((row) => row.id === first?.id);
  return from === -1 ? held : rows.slice(from);
}

/**
 * Rows that arrive by themselves must not move under the pointer or the focus. While somebody points at the list, or
 * paused it, nothing is put on top and what waits is counted. Another view of the list (`about`) starts free.
 */
export function useHold<T extends Row>(rows: T[], about = "") {
  const [paused, setPaused] = useState<Held<T> | null>(null);
  const [pointed, setPointed] = useState<Held<T> | null>(null);
  const valid = (held: Held<T> | null) => (held?.about === about && held.rows.length > 0 ? held : null);
  const held = valid(paused) ?? valid(pointed);
  const shown = held ? heldRows(rows, held.rows) : rows;
  const known = new Set(shown.map((row) => row.id));
  const waiting = held ? rows.filter((row) => !known.has(row.id)).length : 0;
  const now = { about, rows: shown };
  return {
    rows: shown,
    paused: valid(paused) !== null,
    waiting,
    toggle: () => setPaused(valid(paused) ? null : now),
    release: () => {
      setPaused(null);
      setPointed(null);
    },
    holders: {
      onPointerEnter: (event: PointerEvent) => {
        if (event.pointerType === "mouse") setPointed(now);
      },
      onPointerLeave: () => setPointed(null),
      onFocus: () => setPointed((before) => valid(before) ?? now),
      onBlur: (event: FocusEvent) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setPointed(null);
      },
    },
  };
}
