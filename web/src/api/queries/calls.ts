import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { pagedQuery } from "../paging";
import type { Call, CallDetail, LiveBreaker, LiveStats, Overview, Page, Series, UsageRow } from "../types";

export interface CallFilters {
  from?: string;
  to?: string;
  service?: string;
  kind?: string;
  principal_id?: string;
  verdict?: string;
  q?: string;
}

export interface SeriesFilters {
  from: string;
  to?: string;
  step_s?: number;
  service?: string;
  principal_id?: string;
}

/** What the socket keeps up to date; these keys are never fetched over HTTP. */
export interface CallTail {
  cursor: number | null;
  items: Call[];
}
export const liveCalls = queryOptions<CallTail>({
  queryKey: ["live", "calls"],
  queryFn: () => ({ cursor: null, items: [] }),
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: Number.POSITIVE_INFINITY,
});
export const liveStats = queryOptions<LiveStats | null>({
  queryKey: ["live", "stats"],
  queryFn: () => null,
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: Number.POSITIVE_INFINITY,
});
export const liveBreakers = queryOptions<LiveBreaker[] | null>({
  queryKey: ["live", "breakers"],
  queryFn: () => null,
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: Number.POSITIVE_INFINITY,
});

export const callList = (filters: CallFilters) => pagedQuery<Call>(["calls", "list"], "/calls", { ...filters });

export const recentCalls = (filters: CallFilters, count: number) =>
  queryOptions({
    queryKey: ["calls", "recent", filters, count],
    queryFn: ({ signal }) => client.get<Page<Call>>("/calls", { ...filters, page_size: count }, signal),
    select: (page) => page.items,
  });

export const callDetail = (id: string) =>
  queryOptions({
    queryKey: ["calls", "detail", id],
    queryFn: ({ signal }) => client.get<CallDetail>(`/calls/${encodeURIComponent(id)}`, undefined, signal),
    staleTime: 60_000,
  });

export const usageBy = (groupBy: "service" | "principal", from: string, to?: string) =>
  queryOptions({
    queryKey: ["usage", groupBy, from, to],
    queryFn: ({ signal }) => client.get<Page<UsageRow>>("/calls/analytics", { group_by: groupBy, from, to }, signal),
    select: (page) => page.items,
    placeholderData: keepPreviousData,
  });

export const callSeries = (filters: SeriesFilters) =>
  queryOptions({
    queryKey: ["usage", "series", filters],
    queryFn: ({ signal }) => client.get<Series>("/calls/series", { ...filters }, signal),
    placeholderData: keepPreviousData,
  });

export const overview = (windowS: number) =>
  queryOptions({
    queryKey: ["overview", windowS],
    queryFn: ({ signal }) => client.get<Overview>("/overview", { window_s: windowS }, signal),
    refetchInterval: 30_000,
    placeholderData: keepPreviousData,
  });
