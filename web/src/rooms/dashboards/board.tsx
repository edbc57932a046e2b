import Button from "@mui/material/Button";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { type CSSProperties, useState } from "react";
import type { Place, State, Widget } from "../../api/widgets";
import { byRows, chosen, inOrder, nudged, placed, shifted, withView } from "./document";
import { type Handles, WidgetCard } from "./frame";

export interface BoardProps {
  state: State;
  /** Left out for whoever may only look. */
  change: ((next: (state: State) => State) => void) | undefined;
  arranging: boolean;
  onOptions: (id: string) => void;
  onRemove: (id: string) => void;
}

const spot = ({ x, y, w, h }: Place) => ({ "--x": x + 1, "--y": y + 1, "--w": w, "--h": h }) as CSSProperties;

const whereabouts = ({ title, place }: Widget) =>
  `${title}: column ${place.x + 1}, row ${place.y + 1}, ${place.w} wide, ${place.h} high`;

export function Grid({ state, change, arranging, onOptions, onRemove }: BoardProps) {
  const [dragged, setDragged] = useState<{ id: string; place: Place } | null>(null);
  const [said, setSaid] = useState("");
  // A widget that changes places must not lose the focus, which it would if it changed places in the document.
  const listed = arranging ? inOrder(state) : byRows(state);
  const shown = dragged ? placed(state, dragged.id, dragged.place) : state;
  const put = (next: State, id: string) => {
    change?.(() => next);
    const widget = next.widgets[id];
    if (widget) setSaid(whereabouts(widget));
  };
  const handles: Handles | undefined = arranging
    ? {
        onOptions,
        onRemove,
        onDrag: (id, place) => setDragged(place && { id, place }),
        onDrop: (id) => {
          if (dragged) put(shown, id);
          setDragged(null);
        },
        onNudge: (id, dx, dy) => put(nudged(state, id, dx, dy), id),
        onResize: (id, dw, dh) => {
          const place = state.widgets[id]?.place;
          if (place) put(placed(state, id, { ...place, w: place.w + dw, h: place.h + dh }), id);
        },
      }
    : undefined;
  return (
    <div className="board">
      <div className={arranging ? "board-grid arranging" : "board-grid"}>
        {listed.map(({ id }) => {
          const widget = shown.widgets[id];
          return (
            widget && (
              <WidgetCard
                key={id}
                widget={widget}
                handles={handles}
                style={spot(widget.place)}
                held={dragged?.id === id}
              />
            )
          );
        })}
      </div>
      <p className="hidden-text" role="status">
        {said}
      </p>
    </div>
  );
}

/** What a part of the page shows. Who may change the dashboard chooses for everyone, anybody else for themselves. */
function useView({ state, change }: Pick<BoardProps, "state" | "change">) {
  const [mine, setMine] = useState<Record<string, string>>({});
  const seen: State = change ? state : { ...state, view: { ...state.view, ...mine } };
  const choose = (name: string, id: string) => {
    if (change) change((now) => withView(now, name, id));
    else setMine((before) => ({ ...before, [name]: id }));
  };
  return { seen, choose };
}

function Choice({
  label,
  widgets,
  value,
  onChange,
}: {
  label: string;
  widgets: Widget[];
  value: string;
  onChange: (id: string) => void;
}) {
  if (widgets.length < 2) return null;
  return (
    <TextField
      select
      value={value}
      onChange={(event) => onChange(event.target.value)}
      className="board-choice"
      slotProps={{ select: { inputProps: { "aria-label": label }, SelectDisplayProps: { "aria-label": label } } }}
    >
      {widgets.map((widget) => (
        <MenuItem key={widget.id} value={widget.id}>
          {widget.title}
        </MenuItem>
      ))}
    </TextField>
  );
}

function orderHandles({ change, arranging, onOptions, onRemove }: BoardProps): Handles | undefined {
  if (!arranging) return undefined;
  return { onOptions, onRemove, onShift: (id, by) => change?.((now) => shifted(now, id, by)) };
}

export function Panes(props: BoardProps & { names: string[] }) {
  const { seen, choose } = useView(props);
  const widgets = inOrder(seen);
  const handles = orderHandles(props);
  return (
    <div className={props.names.length === 1 ? "board-single" : "board-split"}>
      {props.names.map((name, index) => {
        const widget = chosen(seen, name, index);
        if (!widget) return null;
        return (
          <WidgetCard
            key={name}
            widget={widget}
            handles={handles}
            aside={
              <Choice
                label={props.names.length === 1 ? "Shown widget" : `Shown widget, ${name}`}
                widgets={widgets}
                value={widget.id}
                onChange={(id) => choose(name, id)}
              />
            }
          />
        );
      })}
    </div>
  );
}

export function Wizard(props: BoardProps) {
  const { seen, choose } = useView(props);
  const widgets = inOrder(seen);
  const widget = chosen(seen, "step", 0);
  const handles = orderHandles(props);
  if (!widget) return null;
  const at = widgets.indexOf(widget);
  const to = (index: number) => {
    const next = widgets[index];
    if (next) choose("step", next.id);
  };
  return (
    <div className="stack">
      <nav aria-label="Steps">
        <ol className="wizard-steps">
          {widgets.map((it, index) => (
            <li key={it.id}>
              <button
                type="button"
                className={index < at ? "step done" : "step"}
                aria-current={index === at ? "step" : undefined}
                onClick={() => to(index)}
              >
                <span className="step-number num">{index + 1}</span>
                {it.title}
              </button>
            </li>
          ))}
        </ol>
      </nav>
      <div className="board-single">
        <WidgetCard key={widget.id} widget={widget} handles={handles} />
      </div>
      <div className="row apart">
        <Button onClick={() => to(at - 1)} disabled={at === 0}>
          Back
        </Button>
        <span className="dim" role="status">
          Step {at + 1} of {widgets.length}
        </span>
        <Button variant="contained" onClick={() => to(at + 1)} disabled={at === widgets.length - 1}>
          Next
        </Button>
      </div>
    </div>
  );
}

export function Board(props: BoardProps) {
  switch (props.state.layout) {
    case "single":
      return <Panes {...props} names={["single"]} />;
    case "split":
      return <Panes {...props} names={["left", "right"]} />;
    case "wizard":
      return <Wizard {...props} />;
    case "grid":
      return <Grid {...props} />;
  }
}
