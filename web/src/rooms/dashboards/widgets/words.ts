import type { AlertItem, Metric, Priority, ProjectStatusData, Task } from "../../../api/widgets";
import type { Tone } from "../../../parts/words";

interface Word {
  text: string;
  tone: Tone;
}

export const projectWords: Record<ProjectStatusData["status"], Word> = {
  on_track: { text: "on track", tone: "ok" },
  at_risk: { text: "at risk", tone: "warn" },
  off_track: { text: "off track", tone: "bad" },
  paused: { text: "paused", tone: "plain" },
  done: { text: "done", tone: "ok" },
};
export const taskWords: Record<Task["status"], Word> = {
  todo: { text: "to do", tone: "plain" },
  doing: { text: "doing", tone: "accent" },
  blocked: { text: "blocked", tone: "bad" },
  done: { text: "done", tone: "ok" },
};
export const severityTones: Record<AlertItem["severity"], Tone> = {
  info: "accent",
  warning: "warn",
  error: "bad",
  critical: "bad",
};
export const priorityTones: Record<Priority, Tone> = { low: "plain", medium: "plain", high: "warn", urgent: "bad" };

/** A word this client does not know yet is shown as it is. */
export const wordFor = (words: Record<string, Word>, state: string): Word =>
  words[state] ?? { text: state, tone: "plain" };

const figures = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });
export const figure = (value: number): string => figures.format(value);

/** Whether a change is good news; without a said direction it is just a change. */
export function changeTone(metric: Metric): "ok" | "bad" | "dim" {
  if (!metric.change_percent || !metric.better) return "dim";
  return metric.change_percent > 0 === (metric.better === "higher") ? "ok" : "bad";
}

const dayMs = 86_400_000;
/** The number of a calendar day, whatever the time zone. */
export const dayNumber = (day: string): number => Math.round(Date.parse(`${day}T00:00:00Z`) / dayMs);
export const dayText = (number: number): string => new Date(number * dayMs).toISOString().slice(0, 10);
export const shortDay = (day: string): string =>
  new Date(`${day}T00:00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
export const today = (now: number): number => {
  const time = new Date(now);
  return Math.round(Date.UTC(time.getFullYear(), time.getMonth(), time.getDate()) / dayMs);
};
