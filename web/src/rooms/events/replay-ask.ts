import type { EventConsumer, EventReplay, EventReplayAsk } from "../../api/types";
import type { Problems } from "../../parts/form";

export interface ReplayValues {
  /** The name of a consumer or a projection; empty while it is only asked who would be hit. */
  consumer: string;
  kinds: string;
  subject: string;
  since: string;
  until: string;
}

/** What a field for local time takes, from a time of the API. */
export function localOf(at: string | undefined): string {
  if (!at) return "";
  const time = new Date(at);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function check({ since, until }: ReplayValues): Problems<ReplayValues> {
  return { until: since && until && until <= since ? "The end must come after the start" : undefined };
}

/** A projection is made anew as a whole; a consumer gets what is asked for. */
export function askOf(values: ReplayValues, consumers: EventConsumer[]): Omit<EventReplayAsk, "dry_run"> {
  const { consumer, subject, since, until } = values;
  if (consumers.some((it) => it.projection && it.name === consumer)) return { projection: consumer };
  const kinds = values.kinds.split(/[\s,]+/).filter(Boolean);
  return {
    ...(consumer && { consumer }),
    ...(kinds.length > 0 && { kinds }),
    ...(subject.trim() && { subject: subject.trim() }),
    ...(since && { since: new Date(since).toISOString() }),
    ...(until && { until: new Date(until).toISOString() }),
  };
}

export function commandOf(ask: Omit<EventReplayAsk, "dry_run">): string {
  return [
    "portico events replay",
    ...(ask.projection ? [`--projection ${ask.projection}`] : []),
    ...(ask.consumer ? [`--consumer ${ask.consumer}`] : []),
    ...(ask.kinds ?? []).map((kind) => `--kind '${kind}'`),
    ...(ask.subject ? [`--subject ${ask.subject}`] : []),
    ...(ask.since ? [`--since ${ask.since}`] : []),
    ...(ask.until ? [`--until ${ask.until}`] : []),
    "--dry-run",
  ].join(" ");
}

/** How many events the chosen one would get; none while nobody is chosen, because then there is nothing to do yet. */
export function dueOf(found: EventReplay | null, ask: Omit<EventReplayAsk, "dry_run">): number {
  const name = ask.projection ?? ask.consumer;
  return (name && found?.hits.find((hit) => hit.consumer === name)?.events) || 0;
}
