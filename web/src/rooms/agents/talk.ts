import type { Artifact, Message, Part, Status, Task, Told } from "../../api/a2a";
import { hasEnded, stateWord } from "./states";

/** One thing that an agent told, as a line to read. */
export interface Line {
  id: number;
  afterMs: number;
  kind: "task" | "state" | "artifact" | "message";
  state?: string;
  /** Of an artifact, which may come in pieces. */
  artifactId?: string;
  name?: string;
  text: string;
}

type Fresh = Omit<Line, "id" | "afterMs">;

/** What is known of an exchange so far. */
export interface Exchange {
  lines: Line[];
  task: { id: string; contextId: string | null; state: string | undefined } | null;
  contextId: string | null;
}

export const nothingYet: Exchange = { lines: [], task: null, contextId: null };
const mostLines = 500;
const mostText = 20_000;

export function partText(part: Part): string {
  if (typeof part.text === "string") return part.text;
  if (typeof part.url === "string") return part.url;
  if (part.data !== undefined) return JSON.stringify(part.data, null, 2);
  return `(${part.mediaType || "a file"}: ${part.filename || "bytes"})`;
}

export function textOf(parts: Part[] | undefined): string {
  const text = (parts ?? []).map(partText).join("\n");
  return text.length > mostText ? `${text.slice(0, mostText)}…` : text;
}

const said = (status: Status | undefined) => textOf(status?.message?.parts);

function artifactLines(artifacts: Artifact[] | undefined): Fresh[] {
  return (artifacts ?? []).map((each) => ({
    kind: "artifact",
    text: textOf(each.parts),
    ...(each.artifactId && { artifactId: each.artifactId }),
    ...(each.name && { name: each.name }),
  }));
}

/** The line that a piece belongs to, where the agent hands out an artifact bit by bit. */
function grown(lines: Line[], told: Told): Line[] | null {
  const { artifactUpdate: update } = told;
  const last = lines.at(-1);
  const isMore = update?.append && last?.kind === "artifact" && last.artifactId === update.artifact?.artifactId;
  if (!isMore) return null;
  const text = `${last.text}${textOf(update.artifact?.parts)}`.slice(0, mostText);
  return [...lines.slice(0, -1), { ...last, text }];
}

function linesOf(told: Told): Fresh[] {
  if (told.task) {
    const { status, artifacts } = told.task;
    return [{ kind: "task", text: said(status), ...stated(status) }, ...artifactLines(artifacts)];
  }
  if (told.statusUpdate) {
    const { status } = told.statusUpdate;
    return [{ kind: "state", text: said(status), ...stated(status) }];
  }
  if (told.artifactUpdate) return artifactLines([told.artifactUpdate.artifact ?? {}]);
  return told.message ? [{ kind: "message", text: textOf(told.message.parts) }] : [];
}

const stated = (status: Status | undefined) => (status?.state === undefined ? {} : { state: status.state });

function taskAfter(before: Exchange["task"], told: Told): Exchange["task"] {
  if (told.task) return { id: told.task.id, contextId: told.task.contextId ?? null, state: told.task.status?.state };
  const { statusUpdate: update } = told;
  if (!update) return before;
  return {
    id: update.taskId,
    contextId: update.contextId ?? before?.contextId ?? null,
    state: update.status?.state ?? before?.state,
  };
}

export function add(before: Exchange, told: Told, afterMs: number): Exchange {
  const longer = grown(before.lines, told);
  if (longer) return { ...before, lines: longer };
  const first = (before.lines.at(-1)?.id ?? 0) + 1;
  const fresh = linesOf(told).map((line, place) => ({ ...line, id: first + place, afterMs }));
  const task = taskAfter(before.task, told);
  const contextId = task?.contextId ?? told.message?.contextId ?? before.contextId;
  return { lines: [...before.lines, ...fresh].slice(-mostLines), task, contextId };
}

/** With what the next message goes on: the same task while it waits for an answer, else only the same conversation. */
export function goingOn({ task, contextId }: Exchange): { taskId?: string; contextId?: string } {
  const waits = task !== null && ["input required", "sign-in required"].includes(stateWord(task.state));
  return { ...(waits && { taskId: task.id }), ...(contextId && { contextId }) };
}

export const canCancel = ({ task }: Exchange): boolean => task !== null && !hasEnded(task.state);

/** A task as it was kept, its artifacts and what was said, oldest first. */
export function contentOf(raw: Record<string, unknown>): { artifacts: Artifact[]; history: Message[]; status: Status } {
  const task = raw as Partial<Task>;
  const array = <T>(value: T[] | undefined): T[] => (Array.isArray(value) ? value : []);
  return { artifacts: array(task.artifacts), history: array(task.history), status: task.status ?? {} };
}
