import type { CallTail } from "../api/queries/calls";
import type { Call, LiveBreaker, Service } from "../api/types";

export const tailLength = 200;
export const emptyTail: CallTail = { cursor: null, items: [] };

/** A fresh start: what the server says now takes the place of what was known. Items come newest first. */
export function replaceTail(cursor: number, items: Call[]): CallTail {
  return { cursor, items: items.slice(0, tailLength) };
}

/** New calls, oldest first, go on top. A frame that was seen already changes nothing. */
export function appendToTail(tail: CallTail, cursor: number, items: Call[]): CallTail {
  if (tail.cursor !== null && cursor <= tail.cursor) return tail;
  if (items.length === 0) return { ...tail, cursor };
  const known = new Map(tail.items.map((call) => [call.id, call]));
  const fresh: Call[] = [];
  for (const call of items) {
    if (!known.has(call.id)) fresh.unshift(call);
    known.set(call.id, call);
  }
  const kept = tail.items.map((call) => known.get(call.id) ?? call);
  return { cursor, items: [...fresh, ...kept].slice(0, tailLength) };
}

/** True when calls fell off the end, so that a list read earlier may now have a gap above it. */
export function lostSome(before: CallTail, after: CallTail): boolean {
  const last = before.items.at(-1);
  return last !== undefined && !after.items.some((call) => call.id === last.id);
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
  service: ["services", "overview"],
  version: ["services"],
  endpoint: ["services", "overview"],
  breaker: ["services", "overview"],
  key: ["keys"],
  member: ["members"],
  person: ["members"],
  invitation: ["invitations"],
  grant: ["grants"],
  budget: ["budgets", "overview"],
  limit: ["limits"],
  secret: ["secrets"],
  org: ["orgs"],
  scope: ["scopes"],
  settings: ["settings"],
};

/** Which queries an event makes stale, from the first word of its kind: `service.created.v1` touches services. */
export function staleAfter(eventKind: string): string[] {
  return [...(staleBy[eventKind.split(".")[0] ?? ""] ?? []), "audit"];
}
