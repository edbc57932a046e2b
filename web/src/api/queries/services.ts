import { mutationOptions, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { pagedQuery, readAll } from "../paging";
import type { Page, Service, ServiceDraft, ServiceMatch, ServiceVersion } from "../types";

export interface ServiceFilters {
  kind?: string;
  status?: string;
  layer?: string;
  tag?: string;
  sort?: string;
}

const at = (name: string) => `/services/${encodeURIComponent(name)}`;
const stale = [["services"], ["overview"]];

export const serviceList = (filters: ServiceFilters) =>
  pagedQuery<Service>(["services", "list"], "/services", { ...filters });

export const serviceSearch = (q: string, filters: ServiceFilters) =>
  queryOptions({
    queryKey: ["services", "search", q, filters],
    queryFn: ({ signal }) => {
      const { sort: _sort, ...rest } = filters;
      return client.get<Page<ServiceMatch>>(
        "/services/search",
        { q, max_results: 50, threshold: 0.3, ...rest },
        signal,
      );
    },
    select: (page) => page.items,
  });

export const allServices = queryOptions({
  queryKey: ["services", "all"],
  queryFn: ({ signal }) => readAll<Service>("/services", {}, signal),
  staleTime: 30_000,
});

export const serviceDetail = (name: string) =>
  queryOptions({
    queryKey: ["services", "detail", name],
    queryFn: ({ signal }) => client.get<Service>(at(name), undefined, signal),
    // Its health is found out by the server: soon for a new endpoint, then again and again.
    refetchInterval: ({ state }) => (state.data?.versions.some(hasNewEndpoint) ? 2_000 : 30_000),
  });

const hasNewEndpoint = (version: ServiceVersion) => version.endpoints.some((it) => it.last_checked_at === null);

export const registerService = mutationOptions({
  mutationFn: (draft: ServiceDraft) => client.post<Service>("/services", draft),
  meta: { stale },
});
export const editService = (name: string) =>
  mutationOptions({
    mutationFn: (changes: Partial<ServiceDraft>) => client.patch<Service>(at(name), changes),
    meta: { stale },
  });
export const deleteService = (name: string) =>
  mutationOptions({
    mutationFn: () => client.remove(at(name)),
    meta: {
      stale: [
        ["services", "list"],
        ["services", "all"],
      ],
    },
  });
export const checkService = (name: string) =>
  mutationOptions({ mutationFn: () => client.post<Service>(`${at(name)}/check`), meta: { stale } });
export const resetBreaker = (name: string) =>
  mutationOptions({ mutationFn: () => client.post<Service>(`${at(name)}/breaker/reset`), meta: { stale } });

export const addVersion = (name: string) =>
  mutationOptions({
    mutationFn: (draft: { version: string; weight: number; url: string }) =>
      client.post<unknown>(`${at(name)}/versions`, draft),
    meta: { stale },
  });
export const changeVersion = (name: string) =>
  mutationOptions({
    mutationFn: ({ version, ...changes }: { version: string; weight?: number; status?: "active" | "deprecated" }) =>
      client.patch<unknown>(`${at(name)}/versions/${encodeURIComponent(version)}`, changes),
    meta: { stale },
  });
export const removeVersion = (name: string) =>
  mutationOptions({
    mutationFn: (version: string) => client.remove(`${at(name)}/versions/${encodeURIComponent(version)}`),
    meta: { stale },
  });
export const addEndpoint = (name: string) =>
  mutationOptions({
    mutationFn: ({ version, ...draft }: { version: string; url: string; weight: number }) =>
      client.post<unknown>(`${at(name)}/versions/${encodeURIComponent(version)}/endpoints`, draft),
    meta: { stale },
  });
export const changeEndpoint = (name: string) =>
  mutationOptions({
    mutationFn: ({ id, weight }: { id: string; weight: number }) =>
      client.patch<unknown>(`${at(name)}/endpoints/${id}`, { weight }),
    meta: { stale },
  });
export const removeEndpoint = (name: string) =>
  mutationOptions({
    mutationFn: (id: string) => client.remove(`${at(name)}/endpoints/${id}`),
    meta: { stale },
  });
