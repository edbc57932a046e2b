import { type FocusEvent, type PointerEvent, useState } from "react";

interface Row {
  id: string;
}

/**
 * Rows that arrive by themselves must not move under the pointer or the focus. While somebody points at the list,
 * or paused it, the list stays as it was and counts what waits.
 */
export function useHold<T extends Row>(rows: T[]) {
  const [paused, setPaused] = useState<T[] | null>(null);
  const [pointed, setPointed] = useState<T[] | null>(null);
  const shown = paused ?? pointed ?? rows;
  const known = new Set(shown.map((row) => row.id));
  let waiting = 0;
  if (shown !== rows) for (const row of rows) if (!known.has(row.id)) waiting += 1;
  return {
    rows: shown,
    paused: paused !== null,
    held: shown !== rows,
    waiting,
    toggle: () => setPaused(paused ? null : shown),
    release: () => {
      setPaused(null);
      setPointed(null);
    },
    holders: {
      onPointerEnter: (event: PointerEvent) => {
        if (event.pointerType === "mouse") setPointed(rows);
      },
      onPointerLeave: () => setPointed(null),
      onFocus: () => setPointed((before) => before ?? rows),
      onBlur: (event: FocusEvent) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setPointed(null);
      },
    },
  };
}
