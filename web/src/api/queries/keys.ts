import { mutationOptions, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { pagedQuery, readAll } from "../paging";
import type { Key, KeyDraft, KeyWithSecret } from "../types";

const stale = [["keys"], ["audit"]];

export const keyList = (filters: { q?: string; status?: string }) =>
  pagedQuery<Key>(["keys", "list"], "/keys", { ...filters });

export const allKeys = queryOptions({
  queryKey: ["keys", "all"],
  queryFn: ({ signal }) => readAll<Key>("/keys", { status: "active" }, signal),
});

export const keyDetail = (id: string) =>
  queryOptions({
    queryKey: ["keys", "detail", id],
    queryFn: ({ signal }) => client.get<Key>(`/keys/${id}`, undefined, signal),
  });

export const createKey = mutationOptions({
  mutationFn: (draft: KeyDraft) => client.post<KeyWithSecret>("/keys", draft),
  meta: { stale },
  // The secret must not stay in the cache after its one showing.
  gcTime: 0,
});
export const editKey = (id: string) =>
  mutationOptions({
    mutationFn: (changes: Pick<KeyDraft, "name" | "permissions" | "services" | "rate_limit_per_minute">) =>
      client.patch<Key>(`/keys/${id}`, changes),
    meta: { stale },
  });
export const rotateKey = (id: string) =>
  mutationOptions({
    mutationFn: (overlap_s: number) => client.post<KeyWithSecret>(`/keys/${id}/rotate`, { overlap_s }),
    meta: { stale },
    gcTime: 0,
  });
export const revokeKey = (id: string) =>
  mutationOptions({ mutationFn: () => client.post<Key>(`/keys/${id}/revoke`), meta: { stale } });
