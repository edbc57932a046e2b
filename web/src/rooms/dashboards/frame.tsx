import Button from "@mui/material/Button";
import { type CSSProperties, type KeyboardEvent, type PointerEvent, type ReactNode, useId, useRef } from "react";
import type { Place, Widget } from "../../api/widgets";
import { gapPx, rowPx } from "./document";
import { WidgetBody } from "./widgets/widget";

/** What may be done to one widget; left out where nobody may. */
export interface Handles {
  onOptions: (id: string) => void;
  onRemove: (id: string) => void;
  /** By one step in the grid. */
  onNudge?: (id: string, dx: -1 | 0 | 1, dy: -1 | 0 | 1) => void;
  onResize?: (id: string, dw: number, dh: number) => void;
  /** While it is dragged: the place it would take; null: where it was. */
  onDrag?: (id: string, place: Place | null) => void;
  onDrop?: (id: string) => void;
  onShift?: (id: string, by: -1 | 1) => void;
}

const arrows: Record<string, [-1 | 0 | 1, -1 | 0 | 1]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Follows the pointer from where it was pressed, in steps of the grid. */
function useDrag(widget: Widget, handles: Handles, to: (place: Place, dx: number, dy: number) => Place) {
  const from = useRef<{ x: number; y: number; place: Place; column: number } | null>(null);
  return {
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      const board = event.currentTarget.closest<HTMLElement>(".board-grid");
      if (event.button !== 0 || !board || !handles.onDrag) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      const column = (board.clientWidth + gapPx) / 12;
      from.current = { x: event.clientX, y: event.clientY, place: widget.place, column };
    },
    onPointerMove: (event: PointerEvent<HTMLElement>) => {
      const start = from.current;
      if (!start) return;
      const dx = Math.round((event.clientX - start.x) / start.column);
      const dy = Math.round((event.clientY - start.y) / (rowPx + gapPx));
      handles.onDrag?.(widget.id, to(start.place, dx, dy));
    },
    onPointerUp: () => {
      if (from.current) handles.onDrop?.(widget.id);
      from.current = null;
    },
    onPointerCancel: () => {
      if (from.current) handles.onDrag?.(widget.id, null);
      from.current = null;
    },
  };
}

function Grip({ widget, handles }: { widget: Widget; handles: Handles }) {
  const hint = useId();
  const drag = useDrag(widget, handles, (place, dx, dy) => ({ ...place, x: place.x + dx, y: place.y + dy }));
  const press = (event: KeyboardEvent) => {
    const arrow = arrows[event.key];
    if (!arrow) return;
    event.preventDefault();
    if (event.shiftKey) handles.onResize?.(widget.id, arrow[0], arrow[1]);
    else handles.onNudge?.(widget.id, arrow[0], arrow[1]);
  };
  return (
    <>
      <button
        type="button"
        className="grip"
        aria-label={`Move ${widget.title}`}
        aria-describedby={hint}
        data-grip={widget.id}
        onKeyDown={press}
        {...drag}
      >
        Move
      </button>
      <span id={hint} className="hidden-text">
        Arrow keys move it, Shift with arrow keys resizes it.
      </span>
    </>
  );
}

function Corner({ widget, handles }: { widget: Widget; handles: Handles }) {
  const drag = useDrag(widget, handles, (place, dx, dy) => ({ ...place, w: place.w + dx, h: place.h + dy }));
  // For the pointer alone; the keyboard resizes from the grip.
  return <span className="corner" aria-hidden="true" {...drag} />;
}

function Tools({ widget, handles }: { widget: Widget; handles: Handles }) {
  return (
    <div className="widget-tools">
      {handles.onDrag && <Grip widget={widget} handles={handles} />}
      {handles.onShift && (
        <>
          <Button
            variant="text"
            aria-label={`${widget.title} earlier`}
            onClick={() => handles.onShift?.(widget.id, -1)}
          >
            Earlier
          </Button>
          <Button variant="text" aria-label={`${widget.title} later`} onClick={() => handles.onShift?.(widget.id, 1)}>
            Later
          </Button>
        </>
      )}
      <span className="spring" />
      <Button variant="text" aria-label={`Options of ${widget.title}`} onClick={() => handles.onOptions(widget.id)}>
        Options
      </Button>
      <Button
        variant="text"
        color="error"
        aria-label={`Remove ${widget.title}`}
        onClick={() => handles.onRemove(widget.id)}
      >
        Remove
      </Button>
    </div>
  );
}

/** A widget in its card, with its tools while the page is being arranged. */
export function WidgetCard({
  widget,
  handles,
  style,
  aside,
  held,
}: {
  widget: Widget;
  handles?: Handles | undefined;
  style?: CSSProperties;
  aside?: ReactNode;
  held?: boolean;
}) {
  const id = useId();
  const classes = ["card", "widget", handles && "arranged", held && "held"].filter(Boolean).join(" ");
  return (
    <article className={classes} aria-labelledby={id} style={style} data-widget={widget.id}>
      {handles && <Tools widget={widget} handles={handles} />}
      <div className="card-head">
        <h2 id={id} className="break">
          {widget.title}
        </h2>
        {aside}
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: a part of a widget that scrolls; neither a form's field set nor a landmark */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <div className="widget-body" role="group" aria-labelledby={id} tabIndex={0}>
        <WidgetBody of={widget} />
      </div>
      {handles?.onDrag && <Corner widget={widget} handles={handles} />}
    </article>
  );
}
