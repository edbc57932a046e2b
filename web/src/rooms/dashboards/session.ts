import { useMemo, useSyncExternalStore } from "react";
import { client } from "../../api/client";
import type { State } from "../../api/widgets";
import { difference, type Json } from "./patch";
import {
  type ClientFrame,
  type Input,
  type ServerFrame,
  type Status,
  type Sync,
  startSync,
  statusOf,
  step,
  wakeAt,
} from "./sync";
import { tabId } from "./tab";

export interface RoomListener {
  connected: () => void;
  lost: () => void;
  frame: (frame: ServerFrame) => void;
}
export interface Room {
  send: (frame: ClientFrame) => void;
  leave: () => void;
}
export type Join = (topic: string, listener: RoomListener) => Room;

export interface Session {
  watch: (watcher: () => void) => () => void;
  sync: () => Sync;
  change: (next: (state: State) => State) => void;
  dismiss: () => void;
  /** What was kept of one's own after somebody else's change: put it in place, or let go of it. */
  takeOver: () => void;
  discard: () => void;
  /** Let go of everything, unsaved edits too: what one person edited is not for the next to save. */
  abandon: () => void;
}

/** Runs the state machine of a dashboard on a real clock and a real connection, while somebody watches or edits are unsaved. */
export function createSession(topic: string, tab: string, join: Join, onEnd: () => void = () => {}): Session {
  let sync = startSync(topic, tab);
  let room: Room | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const watchers = new Set<() => void>();

  function run(input: Input) {
    const next = step(sync, input, Date.now());
    const changed = next.sync !== sync;
    sync = next.sync;
    for (const frame of next.out) room?.send(frame);
    clearTimeout(timer);
    const due = wakeAt(sync);
    if (due !== null) timer = setTimeout(() => run({ kind: "tick" }), Math.max(0, due - Date.now()));
    if (changed) for (const watcher of watchers) watcher();
    endWhenSaved();
  }

  const isDirty = () => ["saving", "offline, unsaved"].includes(statusOf(sync)) || sync.kept.length > 0;
  const askToStay = (event: Event) => {
    if (isDirty()) event.preventDefault();
  };

  function begin() {
    if (room) return;
    window.addEventListener("beforeunload", askToStay);
    room = join(topic, {
      connected: () => run({ kind: "connected" }),
      lost: () => run({ kind: "lost" }),
      frame: (frame) => run({ kind: "frame", frame }),
    });
  }

  function endWhenSaved() {
    if (watchers.size > 0 || room === null || isDirty()) return;
    clearTimeout(timer);
    window.removeEventListener("beforeunload", askToStay);
    room.leave();
    room = null;
    sync = step(sync, { kind: "lost" }, Date.now()).sync;
    onEnd();
  }

  return {
    sync: () => sync,
    watch: (watcher) => {
      watchers.add(watcher);
      begin();
      return () => {
        watchers.delete(watcher);
        // Not at once: a page that is only drawn anew watches again in a moment.
        setTimeout(endWhenSaved);
      };
    },
    change: (next) => {
      if (sync.shown === null) return;
      const before = sync.shown;
      const after = next(before as unknown as State) as unknown as Json;
      if (after !== before) run({ kind: "edit", patch: difference(before, after) });
    },
    dismiss: () => run({ kind: "dismiss" }),
    takeOver: () => run({ kind: "take over" }),
    discard: () => run({ kind: "discard" }),
    abandon: () => {
      sync = startSync(topic, tab);
      watchers.clear();
      endWhenSaved();
    },
  };
}

const sessions = new Map<string, Session>();
client.watch(() => {
  if (client.session().state === "out") for (const session of sessions.values()) session.abandon();
});

function sessionOf(id: string, join: Join): Session {
  const topic = `dashboard:${id}`;
  const session = sessions.get(topic) ?? createSession(topic, tabId(), join, () => sessions.delete(topic));
  sessions.set(topic, session);
  return session;
}

export interface LiveState {
  state: State | null;
  status: Status;
  notice: Sync["notice"];
  kept: Sync["kept"];
  left: string | null;
  change: Session["change"];
  dismiss: () => void;
  takeOver: () => void;
  discard: () => void;
}

/** The state of a dashboard as this tab sees it, and the way to change it. */
export function useLiveState(id: string, join: Join): LiveState {
  const session = useMemo(() => sessionOf(id, join), [id, join]);
  const sync = useSyncExternalStore(session.watch, session.sync);
  return useMemo(
    () => ({
      state: sync.shown as unknown as State | null,
      status: statusOf(sync),
      notice: sync.notice,
      kept: sync.kept,
      left: sync.left,
      change: session.change,
      dismiss: session.dismiss,
      takeOver: session.takeOver,
      discard: session.discard,
    }),
    [sync, session],
  );
}
