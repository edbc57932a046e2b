import { mutationOptions, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { pagedQuery, readAll } from "../paging";
import type { AuditEntry, AuditProof, Secret, Setting, Status } from "../types";

/* Secrets: names travel, values only ever go in. */
export const secretList = queryOptions({
  queryKey: ["secrets"],
  queryFn: ({ signal }) => readAll<Secret>("/secrets", {}, signal),
});
export const createSecret = mutationOptions({
  mutationFn: (draft: { name: string; value: string; description?: string }) => client.post<Secret>("/secrets", draft),
  meta: { stale: [["secrets"]] },
  gcTime: 0,
});
export const replaceSecret = mutationOptions({
  mutationFn: ({ name, value }: { name: string; value: string }) =>
    client.put<Secret>(`/secrets/${encodeURIComponent(name)}`, { value }),
  meta: { stale: [["secrets"]] },
  gcTime: 0,
});
export const deleteSecret = mutationOptions({
  mutationFn: (name: string) => client.remove(`/secrets/${encodeURIComponent(name)}`),
  meta: { stale: [["secrets"]] },
});

export interface AuditFilters {
  actor_id?: string;
  action?: string;
  outcome?: string;
  from?: string;
  to?: string;
}
export const auditList = (filters: AuditFilters) => pagedQuery<AuditEntry>(["audit", "list"], "/audit", { ...filters });
export const verifyAudit = mutationOptions({ mutationFn: () => client.post<AuditProof>("/audit/verify") });

export const settingList = queryOptions({
  queryKey: ["settings"],
  queryFn: ({ signal }) => client.get<{ items: Setting[] }>("/settings", undefined, signal),
  select: (answer) => answer.items,
});
export const reloadSettings = mutationOptions({
  mutationFn: () => client.post<unknown>("/settings/reload"),
  meta: { stale: [["settings"]] },
});

export const status = queryOptions({
  queryKey: ["status"],
  queryFn: ({ signal }) => client.get<Status>("/status", undefined, signal),
  refetchInterval: 30_000,
});
