import type { CallFilters } from "../../api/queries/calls";
import type { Call } from "../../api/types";

export function fits(call: Call, filters: CallFilters): boolean {
  if (filters.kind && call.service.kind !== filters.kind) return false;
  if (filters.verdict && call.verdict !== filters.verdict) return false;
  if (filters.service && call.service.name !== filters.service) return false;
  if (filters.principal_id && call.principal.id !== filters.principal_id) return false;
  if (filters.q && call.id !== filters.q && call.correlation_id !== filters.q) return false;
  if (filters.from && call.at < filters.from) return false;
  return !(filters.to && call.at > filters.to);
}

/** What the socket brought and what was read, each call once, newest first. */
export function mergeCalls(live: Call[], read: Call[], filters: CallFilters): Call[] {
  const byId = new Map(read.map((call) => [call.id, call]));
  for (const call of live) if (fits(call, filters)) byId.set(call.id, call);
  return [...byId.values()].sort((a, b) => Date.parse(b.at) - Date.parse(a.at) || (a.id < b.id ? 1 : -1));
}
