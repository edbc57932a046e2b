import Button from "@mui/material/Button";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { ApiError } from "../../api/errors";
import { type Dashboard, dashboardDetail, widgetKinds } from "../../api/queries/dashboards";
import { useMay } from "../../api/session";
import type { State, Widget } from "../../api/widgets";
import { join } from "../../live/live";
import { useFilters } from "../../parts/filters";
import { counted } from "../../parts/format";
import { Card, PageHead } from "../../parts/page";
import { Empty, Lines, Loaded } from "../../parts/trouble";
import { Pill, type Tone } from "../../parts/words";
import { Board } from "./board";
import "./dashboards.css";
import { DeleteDashboard, EditDashboard } from "./dialogs";
import { added, edited, inOrder, layouts, mostWidgets, newWidgetId, removed, restored, withLayout } from "./document";
import { keptLines } from "./kept";
import { Options } from "./options";
import { Picker } from "./picker";
import { Proposals } from "./proposals";
import { type LiveState, useLiveState } from "./session";
import { SharedPill, useMayGive } from "./sharing";
import type { Status } from "./sync";

const mostLines = 5;
const statusWords: Record<Status, { text: string; tone: Tone }> = {
  loading: { text: "loading", tone: "plain" },
  saved: { text: "saved", tone: "plain" },
  saving: { text: "saving", tone: "accent" },
  offline: { text: "offline", tone: "warn" },
  "offline, unsaved": { text: "offline – will sync", tone: "warn" },
  left: { text: "no longer shown", tone: "bad" },
};

function StatusPill({ status }: { status: Status }) {
  const { text, tone } = statusWords[status];
  return (
    <span role="status" aria-live="polite" aria-label={`Changes: ${text}`}>
      <Pill tone={tone}>{text}</Pill>
    </span>
  );
}

/** Edits that somebody else's change pushed aside: they wait here until it is said what becomes of them. */
function YourVersion({ live }: { live: LiveState }) {
  const lines = keptLines(live.kept, live.state);
  return (
    <section className="notice warn stack tight" aria-label="Your version">
      <strong>Changed elsewhere. What you did to the same things is kept as your version:</strong>
      <ul>
        {lines.slice(0, mostLines).map((line) => (
          <li key={line.path} className="break">
            {line.text}
          </li>
        ))}
      </ul>
      {lines.length > mostLines && <span>and {counted(lines.length - mostLines, "more change")}</span>}
      <span className="row">
        <Button onClick={live.takeOver}>Take over my version</Button>
        <Button variant="text" onClick={live.discard}>
          Discard my version
        </Button>
      </span>
    </section>
  );
}

/** What was just removed, for as long as it can be taken back with one press. */
interface Removal {
  widget: Widget;
  position: number;
}

function Notices({
  live,
  removal,
  onUndo,
  onForget,
}: {
  live: LiveState;
  removal: Removal | null;
  onUndo: () => void;
  onForget: () => void;
}) {
  return (
    <div className="stack tight announced" role="status" aria-label="What just happened">
      {live.kept.length > 0 && <YourVersion live={live} />}
      {live.notice && !(live.notice.kind === "elsewhere" && live.kept.length > 0) && (
        <div className={live.notice.kind === "elsewhere" ? "notice warn row apart" : "notice bad row apart"}>
          <span className="break">{live.notice.text}</span>
          <Button variant="text" onClick={live.dismiss}>
            Dismiss
          </Button>
        </div>
      )}
      {removal && (
        <div className="notice row apart">
          <span className="break">
            Removed <strong>{removal.widget.title}</strong>.
          </span>
          <span className="row">
            <Button key={removal.widget.id} onClick={onUndo} autoFocus>
              Undo
            </Button>
            <Button variant="text" onClick={onForget}>
              Dismiss
            </Button>
          </span>
        </div>
      )}
    </div>
  );
}

function LayoutChoice({ state, onChoose }: { state: State; onChoose: (layout: State["layout"]) => void }) {
  return (
    <fieldset className="layout-choice">
      <legend className="hidden-text">Layout</legend>
      {layouts.map((layout) => (
        <button
          key={layout.value}
          type="button"
          className={layout.value === state.layout ? "chip on" : "chip"}
          aria-pressed={layout.value === state.layout}
          title={layout.says}
          onClick={() => onChoose(layout.value)}
        >
          {layout.name}
        </button>
      ))}
      <span className="dim">{layouts.find((layout) => layout.value === state.layout)?.says}</span>
    </fieldset>
  );
}

function ArrangeBar({ state, live }: { state: State; live: LiveState }) {
  return (
    <div className="arrange-bar">
      <LayoutChoice state={state} onChoose={(layout) => live.change((now) => withLayout(now, layout))} />
      {state.layout === "grid" && inOrder(state).length > 0 && (
        <p className="dim arrange-hint">
          Drag a widget by “Move”, resize it at its corner. By keyboard: <kbd>arrows</kbd> on “Move”, with{" "}
          <kbd>Shift</kbd> to resize.
        </p>
      )}
    </div>
  );
}

function EmptyBoard({ onAdd }: { onAdd: (() => void) | undefined }) {
  return (
    <Card>
      <Empty
        title="Nothing on it yet"
        action={
          onAdd && (
            <Button variant="contained" onClick={onAdd}>
              Add a widget
            </Button>
          )
        }
      >
        {onAdd
          ? "Add live calls, spend or service levels, or a board that your programs fill. Whoever has this page open sees it appear."
          : "Whoever manages it has not put anything here."}
      </Empty>
    </Card>
  );
}

function Content({ of, live }: { of: Dashboard; live: LiveState }) {
  const { values, set } = useFilters(["arrange", "add", "options"] as const);
  const [removal, setRemoval] = useState<Removal | null>(null);
  const mayManage = useMay("dashboards.manage");
  const { state, change } = live;
  const arranging = mayManage && Boolean(values.arrange);
  // What the options of widgets are is known before they are opened, so that they can be edited offline too.
  useQuery({ ...widgetKinds, enabled: arranging });
  if (state === null) return live.status === "offline" ? <Offline /> : <Lines count={8} height={28} />;
  const widgets = inOrder(state);
  const optionsOf = values.options ? state.widgets[values.options] : undefined;
  const remove = (id: string) => {
    const position = widgets.findIndex((widget) => widget.id === id);
    const widget = widgets[position];
    if (!widget) return;
    change((now) => removed(now, id));
    setRemoval({ widget, position });
  };
  return (
    <>
      <Notices
        live={live}
        removal={removal}
        onUndo={() => {
          if (removal) change((now) => restored(now, removal.widget, removal.position));
          setRemoval(null);
        }}
        onForget={() => setRemoval(null)}
      />
      {arranging && <ArrangeBar state={state} live={live} />}
      <Proposals dashboardId={of.id} state={state} />
      {widgets.length === 0 ? (
        <EmptyBoard onAdd={mayManage ? () => set({ add: "1" }) : undefined} />
      ) : (
        <Board
          state={state}
          change={mayManage ? change : undefined}
          arranging={arranging}
          onOptions={(options) => set({ options })}
          onRemove={remove}
        />
      )}
      {values.add && mayManage && (
        <Picker
          onAdd={(type, title) => {
            change((now) => added(now, { id: newWidgetId(), type, title }));
            set({ add: null });
          }}
          onClose={() => set({ add: null })}
        />
      )}
      {optionsOf && mayManage && (
        <Options
          key={optionsOf.id}
          widget={optionsOf}
          onSave={(from, to) => {
            change((now) => edited(now, optionsOf.id, from, to));
            set({ options: null });
          }}
          onClose={() => set({ options: null })}
        />
      )}
    </>
  );
}

function Offline() {
  return (
    <div className="notice warn" role="alert">
      The server cannot be reached, and this dashboard was not loaded before. It appears as soon as the connection is
      back.
    </div>
  );
}

function Actions({ of, live }: { of: Dashboard; live: LiveState }) {
  const { values, set } = useFilters(["arrange", "add"] as const);
  const [asked, setAsked] = useState<"edit" | "delete" | null>(null);
  const navigate = useNavigate();
  const mayGive = useMayGive(of);
  if (!useMay("dashboards.manage") || live.left) return null;
  const full = live.state !== null && inOrder(live.state).length >= mostWidgets;
  return (
    <>
      {mayGive && (
        <Button variant="text" color="error" onClick={() => setAsked("delete")}>
          Delete
        </Button>
      )}
      <Button onClick={() => setAsked("edit")}>{mayGive ? "Rename or share" : "Rename"}</Button>
      <Button
        onClick={() => set({ arrange: values.arrange ? null : "1" })}
        aria-pressed={Boolean(values.arrange)}
        disabled={live.state === null}
      >
        {values.arrange ? "Done arranging" : "Arrange"}
      </Button>
      <Button
        variant="contained"
        onClick={() => set({ add: "1" })}
        disabled={live.state === null || full}
        title={full ? `A dashboard holds at most ${mostWidgets} widgets` : undefined}
      >
        Add a widget
      </Button>
      {asked === "edit" && <EditDashboard of={of} onClose={() => setAsked(null)} />}
      {asked === "delete" && (
        <DeleteDashboard of={of} onClose={() => setAsked(null)} onDone={() => navigate("/dashboards")} />
      )}
    </>
  );
}

function Opened({ of }: { of: Dashboard }) {
  const live = useLiveState(of.id, join);
  return (
    <>
      <PageHead
        title={of.name}
        tab={of.name}
        line={of.description}
        back={{ to: "/dashboards", name: "Dashboards" }}
        marks={
          <>
            <SharedPill shared={of.shared} />
            <StatusPill status={live.status} />
          </>
        }
        actions={<Actions of={of} live={live} />}
      />
      {live.left ? <Away why={live.left} /> : <Content of={of} live={live} />}
    </>
  );
}

function Away({ why }: { why: string }) {
  return (
    <div className="notice warn" role="alert">
      {why === "gone"
        ? "This dashboard was deleted, or is not shared with you."
        : "You may no longer see this dashboard. Ask its owner to share it, or an admin for the right to read dashboards."}
    </div>
  );
}

export function DashboardPage() {
  const { id = "" } = useParams();
  const query = useQuery(dashboardDetail(id));
  if (query.error instanceof ApiError && query.error.status === 404) {
    const name = query.data?.name ?? "Dashboard";
    return (
      <>
        <PageHead title={name} tab={name} back={{ to: "/dashboards", name: "Dashboards" }} />
        <Away why="gone" />
      </>
    );
  }
  return (
    <Loaded query={query} what="The dashboard" skeleton={<Lines count={8} height={28} />}>
      {(of) => <Opened key={of.id} of={of} />}
    </Loaded>
  );
}
