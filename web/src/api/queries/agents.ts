import { keepPreviousData, mutationOptions, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { pagedQuery } from "../paging";
import type {
  Agent,
  AgentCard,
  AgentDraft,
  AgentTask,
  AgentTaskDetail,
  DiscoveredAgent,
  Mesh,
  RoutedTask,
  RouteTaskAsk,
} from "../types";

const at = (name: string) => `/agents/${encodeURIComponent(name)}`;
const stale = [["agents"], ["services"], ["audit"]];
// Health is asked for every 30 s, and no event tells of a good answer after a good answer.
const watchMs = 15_000;

export const agentList = (filters: { q?: string; capability?: string; health?: string }) => ({
  ...pagedQuery<Agent>(["agents", "list"], "/agents", filters),
  refetchInterval: watchMs,
  placeholderData: keepPreviousData,
});
export const agentDetail = (name: string) =>
  queryOptions({
    queryKey: ["agents", "detail", name],
    queryFn: ({ signal }) => client.get<Agent>(at(name), undefined, signal),
    refetchInterval: watchMs,
  });
export const agentCard = (name: string) =>
  queryOptions({
    queryKey: ["agents", "card", name],
    queryFn: ({ signal }) => client.get<AgentCard>(`${at(name)}/card`, undefined, signal),
    select: (answer) => answer.card,
  });

export const discoverAgent = mutationOptions({
  mutationFn: (url: string) => client.post<DiscoveredAgent>("/agents/discover", { url }),
});
export const registerAgent = mutationOptions({
  mutationFn: (draft: AgentDraft) => client.post<Agent>("/agents", draft),
  meta: { stale },
});
export const refreshAgent = (name: string) =>
  mutationOptions({
    mutationFn: () => client.post<Agent>(`${at(name)}/refresh`),
    meta: { stale: [["agents"], ["audit"]] },
  });

/* Tasks change while an agent works, and nothing on the socket tells of it. */

export const agentTasks = (name: string, state: string | undefined) => ({
  ...pagedQuery<AgentTask>(["agents", "tasks", name], `${at(name)}/tasks`, { state }),
  refetchInterval: 5_000,
  placeholderData: keepPreviousData,
});
export const agentTask = (name: string, id: string) =>
  queryOptions({
    queryKey: ["agents", "task", name, id],
    queryFn: ({ signal }) =>
      client.get<AgentTaskDetail>(`${at(name)}/tasks/${encodeURIComponent(id)}`, undefined, signal),
    refetchInterval: 5_000,
  });

export const meshStatus = queryOptions({
  queryKey: ["agents", "mesh"],
  queryFn: ({ signal }) => client.get<Mesh>("/mesh/status", undefined, signal),
  refetchInterval: 5_000,
});
export const routeTask = mutationOptions({
  mutationFn: (ask: RouteTaskAsk) => client.post<RoutedTask>("/mesh/route", ask),
});
