import type { EventFilters } from "../../api/queries/events";
import type { EventType, OrgEvent } from "../../api/types";

/** `service.created.v1` without its version, as people say it. */
export const bare = (kind: string) => kind.replace(/\.v\d+$/, "");
/** The first word of a kind: what it is about. */
export const nounOf = (kind: string) => kind.split(".")[0] ?? kind;

/** Does a kind fit `*`, `service.*`, `service.created` or `service.created.v1`? */
export function fitsKind(pattern: string, kind: string): boolean {
  if (pattern === "*") return true;
  if (pattern.endsWith(".*")) return kind.startsWith(pattern.slice(0, -1));
  return pattern === kind || pattern === bare(kind);
}

/** Aliases are names of other systems for the same fact; the catalogue says which of ours is meant. */
export function named(pattern: string, types: EventType[]): string {
  const meant = types.find((type) => type.aliases.includes(pattern));
  return meant ? bare(meant.kind) : pattern;
}

export function fits(event: OrgEvent, filters: EventFilters): boolean {
  if (filters.kind && !fitsKind(filters.kind, event.kind)) return false;
  if (filters.category && event.category !== filters.category) return false;
  if (filters.subject && event.subject !== filters.subject) return false;
  if (filters.since && Date.parse(event.at) < Date.parse(filters.since)) return false;
  return !(filters.until && Date.parse(event.at) > Date.parse(filters.until));
}

/** What the socket brought and what was read, each event once, newest first. */
export function mergeEvents(live: OrgEvent[], read: OrgEvent[], filters: EventFilters): OrgEvent[] {
  const byId = new Map(read.map((event) => [event.id, event]));
  for (const event of live) if (fits(event, filters)) byId.set(event.id, event);
  return [...byId.values()].sort((a, b) => b.seq - a.seq);
}

export interface KindGroup {
  noun: string;
  types: EventType[];
}

export function groupsOf(types: EventType[]): KindGroup[] {
  const groups = new Map<string, EventType[]>();
  for (const type of [...types].sort((a, b) => (a.kind < b.kind ? -1 : 1))) {
    const noun = nounOf(type.kind);
    groups.set(noun, [...(groups.get(noun) ?? []), type]);
  }
  return [...groups].map(([noun, members]) => ({ noun, types: members }));
}

const rooms: Record<string, (id: string, name: string | null) => string | null> = {
  service: (_id, name) => name && `/services/${encodeURIComponent(name)}`,
  key: (id) => `/keys?open=${encodeURIComponent(id)}`,
  webhook: (id) => `/webhooks/${encodeURIComponent(id)}`,
  dashboard: (id) => `/dashboards/${encodeURIComponent(id)}`,
  budget: () => "/budgets",
  limit: () => "/budgets?tab=limits",
  member: () => "/members",
  invitation: () => "/members",
  secret: () => "/secrets",
};

/** Where the thing that an event is about can be looked at; null when it has gone or has no page. */
export function placeOf(event: Pick<OrgEvent, "kind" | "subject" | "payload">): string | null {
  if (/\.(deleted|removed|revoked)\b/.test(event.kind) && !event.subject.startsWith("key:")) return null;
  const at = event.subject.indexOf(":");
  const place = at > 0 ? rooms[event.subject.slice(0, at)] : undefined;
  const name = typeof event.payload.name === "string" ? event.payload.name : null;
  return place ? place(event.subject.slice(at + 1), name) : null;
}
