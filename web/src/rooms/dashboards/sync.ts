import { checksum, sizeOf } from "./checksum";
import { applied, difference, type Json, type Patch, same, valueAt } from "./patch";
import { forced, keeping, mostOperations, moved } from "./rebase";

/**
 * One tab's side of the state that several tabs edit at once. Pure: a step takes what happened and when, and gives the
 * next state and the frames to send. `base` is what the server has confirmed, `shown` is that with our own edits on it;
 * what is not saved yet is always the difference of the two, so edits merge by themselves.
 */
export interface Sync {
  topic: string;
  tab: string;
  connected: boolean;
  /** The whole state was asked for and has not come yet. */
  asking: boolean;
  base: Json | null;
  version: number;
  shown: Json | null;
  sent: Sent | null;
  /** The patch that was on its way when its answer was given up; it may have arrived. */
  unsure: Patch;
  /** How often the edits that wait were refused because somebody else was first. */
  refusals: number;
  dueAt: number | null;
  /** When to ask for the whole state again, because it was refused for now. */
  askAt: number | null;
  lastRef: number;
  /** When this tab's messages of the last minute were sent. */
  sends: number[];
  /** Patches of others that overtook the answer to ours. */
  early: PatchFrame[];
  /** False once a whole state did not match its own checksum: then the two sides write numbers differently. */
  checks: boolean;
  notice: Notice | null;
  /** What was edited here and did not fit any more: "your version", until it is taken over or discarded. */
  kept: Patch;
  left: string | null;
}

interface Sent {
  ref: number;
  at: number;
  patch: Patch;
  /** Somebody else's change took the version this patch was made for: a conflict is on its way. */
  overtaken: boolean;
}

export interface Notice {
  kind: "elsewhere" | "refused";
  text: string;
}

export type ServerFrame =
  | { type: "state"; topic: string; version: number; state: Json; checksum: string }
  | PatchFrame
  | { type: "patched"; topic: string; ref: number; version: number; checksum: string }
  | { type: "conflict"; topic: string; ref: number; version: number; state: Json; checksum: string }
  | { type: "resync"; topic: string }
  | { type: "left"; topic: string; why: string }
  | { type: "error"; ref?: number | null; code: string; message: string; retry_after_ms?: number | null };

export interface PatchFrame {
  type: "patch";
  topic: string;
  version: number;
  patch: Patch;
  tab?: string | null;
}

export type ClientFrame =
  | { type: "subscribe"; topic: string; since: null; tab: string }
  | { type: "patch"; topic: string; tab: string; version: number; ref: number; patch: Patch };

export type Input =
  | { kind: "edit"; patch: Patch }
  | { kind: "connected" }
  | { kind: "lost" }
  | { kind: "frame"; frame: ServerFrame }
  | { kind: "dismiss" }
  | { kind: "take over" }
  | { kind: "discard" }
  | { kind: "tick" };

export interface Step {
  sync: Sync;
  out: ClientFrame[];
}

export type Status = "loading" | "saved" | "saving" | "offline" | "offline, unsaved" | "left";

export const debounceMs = 100;
export const budgetPerMinute = 100;
export const largestStateBytes = 64 * 1024;
const answerWithinMs = 10_000;
const retryMs = 5_000;
/** Why one may not enter a room, in the words of those who are sent out of it. */
const refusedEntry: Record<string, string> = { NOT_FOUND: "gone", ROLE_REQUIRED: "forbidden" };
const elsewhere: Notice = {
  kind: "elsewhere",
  text: "Changed elsewhere: what you just did here did not fit any more.",
};
const homeless: Notice = {
  kind: "refused",
  text: "Some of your changes have no place any more: what they were about was removed elsewhere.",
};

export const startSync = (topic: string, tab: string): Sync => ({
  topic,
  tab,
  connected: false,
  asking: false,
  base: null,
  version: 0,
  shown: null,
  sent: null,
  unsure: [],
  refusals: 0,
  dueAt: null,
  askAt: null,
  lastRef: 0,
  sends: [],
  early: [],
  checks: true,
  notice: null,
  kept: [],
  left: null,
});

export const unsaved = (sync: Sync): Patch =>
  sync.base === null || sync.shown === null ? [] : difference(sync.base, sync.shown);

export function statusOf(sync: Sync): Status {
  if (sync.left !== null) return "left";
  if (sync.base === null) return sync.connected ? "loading" : "offline";
  const dirty = sync.base !== sync.shown && unsaved(sync).length > 0;
  if (!sync.connected) return dirty ? "offline, unsaved" : "offline";
  return dirty ? "saving" : "saved";
}

/** How long edits are collected: 100 ms while at least half of the minute's messages are left, then ever longer. */
export function collectMs(sends: number[], at: number): number {
  const left = budgetPerMinute - sends.filter((sentAt) => at - sentAt < 60_000).length;
  return left >= budgetPerMinute / 2 ? debounceMs : 60_000 / Math.max(1, left);
}

/** When the next step by the clock is due. */
export function wakeAt(sync: Sync): number | null {
  if (!sync.connected || sync.left !== null) return null;
  if (sync.asking) return sync.askAt;
  return sync.sent ? sync.sent.at + answerWithinMs : sync.dueAt;
}

export function step(sync: Sync, input: Input, at: number): Step {
  switch (input.kind) {
    case "edit":
      return flushed(edited(sync, input.patch, at), at);
    case "connected":
      return ask({ ...withoutAnswer(sync), connected: true, left: null }, at);
    case "lost":
      return { sync: { ...withoutAnswer(sync), connected: false, asking: false, askAt: null }, out: [] };
    case "dismiss":
      return { sync: { ...sync, notice: null }, out: [] };
    case "take over":
      return flushed(takenOver(sync, at), at);
    case "discard":
      return { sync: { ...sync, notice: null, kept: [] }, out: [] };
    case "tick":
      if (sync.connected && sync.sent && at - sync.sent.at >= answerWithinMs) return ask(withoutAnswer(sync), at);
      if (sync.connected && sync.askAt !== null && at >= sync.askAt) return ask({ ...sync, asking: false }, at);
      return flushed(sync, at);
    case "frame":
      return take(sync, input.frame, at);
  }
}

function edited(sync: Sync, patch: Patch, at: number): Sync {
  if (sync.shown === null || sync.left !== null) return sync;
  const shown = applied(sync.shown, patch);
  if (sizeOf(shown) > largestStateBytes) {
    const text = `A dashboard holds at most ${largestStateBytes / 1024} KB; this change would make it larger.`;
    return { ...sync, notice: { kind: "refused", text } };
  }
  // Whoever edits the same thing anew has decided about what was kept of it.
  const kept = sync.kept.filter((old) => !patch.some((operation) => operation.path === old.path));
  return { ...sync, shown, kept, notice: null, dueAt: sync.dueAt ?? at + collectMs(sync.sends, at) };
}

/** What was kept, put on top of what is there now, whoever wrote that. */
function takenOver(sync: Sync, at: number): Sync {
  if (sync.shown === null || sync.left !== null || sync.kept.length === 0) return sync;
  const { shown, lost } = forced(sync.shown, sync.kept);
  const next = edited({ ...sync, kept: [] }, difference(sync.shown, shown), at);
  // Refused as too large: nothing has changed, and nothing is lost.
  if (next.notice?.kind === "refused") return { ...next, kept: sync.kept };
  return lost ? { ...next, notice: homeless } : next;
}

/** No answer will come to the patch on its way, and whether it arrived is unknown; the whole state will tell. */
function withoutAnswer(sync: Sync): Sync {
  const unsure = sync.sent && !sync.sent.overtaken ? sync.sent.patch : sync.unsure;
  return { ...sync, sent: null, early: [], unsure };
}

const counted = (sync: Sync, at: number): number[] => [...sync.sends.filter((sentAt) => at - sentAt < 60_000), at];

function ask(sync: Sync, at: number): Step {
  if (sync.asking) return { sync, out: [] };
  const out: ClientFrame[] = [{ type: "subscribe", topic: sync.topic, since: null, tab: sync.tab }];
  return { sync: { ...sync, asking: true, askAt: null, early: [], sends: counted(sync, at) }, out };
}

function flushed(sync: Sync, at: number): Step {
  const idle = sync.connected && !sync.asking && sync.sent === null && sync.left === null;
  if (!idle || sync.dueAt === null || at < sync.dueAt) return { sync, out: [] };
  const patch = unsaved(sync).slice(0, mostOperations);
  if (patch.length === 0) return { sync: { ...sync, dueAt: null, refusals: 0 }, out: [] };
  const ref = sync.lastRef + 1;
  const sent: Sent = { ref, at, patch, overtaken: false };
  return {
    sync: { ...sync, sent, lastRef: ref, dueAt: null, sends: counted(sync, at) },
    out: [{ type: "patch", topic: sync.topic, tab: sync.tab, version: sync.version, ref, patch }],
  };
}

function take(sync: Sync, frame: ServerFrame, at: number): Step {
  switch (frame.type) {
    case "state":
      return takeEarly(settledOn(sync, frame, at), at);
    case "patch":
      return takePatch(sync, frame, at);
    case "patched":
      return takePatched(sync, frame, at);
    case "conflict":
      return takeConflict(sync, frame, at);
    case "resync":
      return ask({ ...withoutAnswer(sync), asking: false }, at);
    case "left":
      return { sync: { ...sync, left: frame.why, sent: null, dueAt: null, kept: [] }, out: [] };
    case "error":
      return takeError(sync, frame, at);
  }
}

/** Takes the whole state and puts what is not saved yet on top of it, once. */
function settledOn(sync: Sync, frame: { version: number; state: Json; checksum: string }, at: number): Sync {
  const before = frame.version > sync.version ? withArrived(sync, frame.state) : (sync.base ?? frame.state);
  const { shown, misfits } = moved(before, sync.shown ?? frame.state, frame.state);
  return {
    ...sync,
    asking: false,
    askAt: null,
    sent: null,
    unsure: [],
    base: frame.state,
    version: frame.version,
    shown,
    checks: sync.checks && checksum(frame.state) === frame.checksum,
    kept: keeping(sync.kept, misfits),
    notice: misfits.length > 0 ? elsewhere : sync.notice,
    dueAt: same(shown, frame.state) ? null : at,
  };
}

/** What the server had from this tab before others changed it: of a patch without an answer, the parts that are there. */
function withArrived(sync: Sync, after: Json): Json {
  return sync.unsure.reduce<Json>((before, operation) => {
    const wanted = operation.op === "remove" ? undefined : operation.value;
    if (!same(valueAt(after, operation.path), wanted)) return before;
    try {
      return applied(before, [operation]);
    } catch {
      return before;
    }
  }, sync.base ?? after);
}

function takePatch(sync: Sync, frame: PatchFrame, at: number): Step {
  if (sync.asking || sync.base === null || frame.version <= sync.version) return { sync, out: [] };
  // Our own, coming back; the answer to it counts.
  if (frame.tab === sync.tab) return { sync, out: [] };
  if (frame.version > sync.version + 1) {
    // Ours may have become the version between; its answer, which is on its way, will say so.
    if (sync.sent && !sync.sent.overtaken) return { sync: { ...sync, early: [...sync.early, frame] }, out: [] };
    return ask(sync, at);
  }
  let base: Json;
  try {
    base = applied(sync.base, frame.patch);
  } catch {
    return ask(sync, at);
  }
  const { shown, misfits } = moved(sync.base, sync.shown ?? sync.base, base);
  const next: Sync = {
    ...sync,
    base,
    version: frame.version,
    shown,
    sent: sync.sent && { ...sync.sent, overtaken: true },
    kept: keeping(sync.kept, misfits),
    notice: misfits.length > 0 ? elsewhere : sync.notice,
  };
  return takeEarly(next, at);
}

function takeEarly(sync: Sync, at: number): Step {
  const [next, ...rest] = sync.early.filter((frame) => frame.version > sync.version);
  if (!next) return flushed({ ...sync, early: [] }, at);
  return takePatch({ ...sync, early: rest }, next, at);
}

function takePatched(sync: Sync, frame: { ref: number; version: number; checksum: string }, at: number): Step {
  const { sent } = sync;
  if (!sent || sent.ref !== frame.ref || sync.base === null) return { sync, out: [] };
  if (sent.overtaken || frame.version !== sync.version + 1) return ask({ ...sync, sent: null }, at);
  const base = applied(sync.base, sent.patch);
  const dueAt = same(base, sync.shown) ? sync.dueAt : (sync.dueAt ?? at);
  const next: Sync = { ...sync, base, version: frame.version, sent: null, refusals: 0, dueAt };
  if (sync.checks && checksum(base) !== frame.checksum) return ask(next, at);
  return takeEarly(next, at);
}

type Conflict = Extract<ServerFrame, { type: "conflict" }>;

function takeConflict(sync: Sync, frame: Conflict, at: number): Step {
  if (!sync.sent || sync.sent.ref !== frame.ref) return { sync, out: [] };
  const dropped = sync.refusals > 0;
  const tried: Sync = dropped
    ? { ...sync, ...setAside(sync), sent: null, refusals: 0, dueAt: null, notice: elsewhere }
    : { ...sync, sent: null, refusals: 1, dueAt: at };
  // The patches of others may have brought us further already than the answer knows.
  return takeEarly(frame.version < sync.version ? tried : settledOn(tried, frame, at), at);
}

/** All that is not saved leaves the screen, and is kept. */
const setAside = (sync: Sync): Pick<Sync, "shown" | "kept"> => ({
  shown: sync.base,
  kept: keeping(sync.kept, unsaved(sync)),
});

type ErrorFrame = Extract<ServerFrame, { type: "error" }>;

function takeError(sync: Sync, frame: ErrorFrame, at: number): Step {
  if (sync.asking && frame.ref == null) {
    const left = refusedEntry[frame.code];
    if (left) return { sync: { ...sync, asking: false, left }, out: [] };
    return { sync: { ...sync, askAt: at + (frame.retry_after_ms ?? retryMs) }, out: [] };
  }
  if (!sync.sent || frame.ref !== sync.sent.ref) return { sync, out: [] };
  if (frame.code === "DATABASE_UNAVAILABLE") return { sync: { ...sync, sent: null, dueAt: at + retryMs }, out: [] };
  if (frame.retry_after_ms) return { sync: { ...sync, sent: null, dueAt: at + frame.retry_after_ms }, out: [] };
  const notice: Notice = { kind: "refused", text: frame.message };
  return { sync: { ...sync, sent: null, shown: sync.base, dueAt: null, refusals: 0, notice }, out: [] };
}
