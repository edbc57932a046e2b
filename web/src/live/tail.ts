import type { LiveBreaker, Service } from "../api/types";

/** What a topic with a past told last, newest first. */
export interface Tail<T> {
  cursor: number | null;
  items: T[];
}

export const tailLength = 200;
export const emptyTail: Tail<never> = { cursor: null, items: [] };

/** A fresh start: what the server says now takes the place of what was known. Items come newest first. */
export function replaceTail<T>(cursor: number, items: T[]): Tail<T> {
  return { cursor, items: items.slice(0, tailLength) };
}

/** New items, oldest first, go on top. A frame that was seen already changes nothing. */
export function appendToTail<T extends { id: string }>(tail: Tail<T>, cursor: number, items: T[]): Tail<T> {
  if (tail.cursor !== null && cursor <= tail.cursor) return tail;
  if (items.length === 0) return { ...tail, cursor };
  const known = new Map(tail.items.map((item) => [item.id, item]));
  const fresh: T[] = [];
  for (const item of items) {
    if (!known.has(item.id)) fresh.unshift(item);
    known.set(item.id, item);
  }
  const kept = tail.items.map((item) => known.get(item.id) ?? item);
  return { cursor, items: [...fresh, ...kept].slice(0, tailLength) };
}

/** True when items fell off the end, so that a list read earlier may now have a gap above it. */
export function lostSome<T extends { id: string }>(before: Tail<T>, after: Tail<T>): boolean {
  const last = before.items.at(-1);
  return last !== undefined && !after.items.some((item) => item.id === last.id);
}

export function withBreakers(service: Service, breakers: LiveBreaker[]): Service {
  const mine = new Map(breakers.filter((it) => it.service === service.name).map((it) => [it.endpoint_id, it]));
  if (mine.size === 0) return service;
  return {
    ...service,
    versions: service.versions.map((version) => ({
      ...version,
      endpoints: version.endpoints.map((endpoint) => {
        const now = mine.get(endpoint.id);
        if (!now) return endpoint;
        const { state, reason, since, probe_at } = now;
        return { ...endpoint, breaker: { state, reason, since, probe_at } };
      }),
    })),
  };
}

const staleBy: Record<string, string[]> = {
  service: ["services", "agents", "tools", "overview"],
  version: ["services"],
  endpoint: ["services", "agents", "overview"],
  agent: ["agents"],
  breaker: ["services", "overview"],
  key: ["keys"],
  member: ["members"],
  person: ["members"],
  invitation: ["invitations"],
  grant: ["grants"],
  budget: ["budgets", "overview"],
  model: ["models"],
  model_route: ["models"],
  tool: ["tools"],
  tool_server: ["tools"],
  policy: ["policies"],
  limit: ["limits"],
  secret: ["secrets"],
  org: ["orgs"],
  scope: ["scopes"],
  settings: ["settings"],
  webhook: ["webhooks"],
  dead_letter: ["events"],
  dashboard: ["dashboards"],
};

/** Which queries an event makes stale, from the first word of its kind: `service.created.v1` touches services. */
export function staleAfter(eventKind: string): string[] {
  return [...(staleBy[eventKind.split(".")[0] ?? ""] ?? []), "audit"];
}
