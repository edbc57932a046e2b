import { keepPreviousData, mutationOptions, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { pagedQuery, readAll } from "../paging";
import type {
  LocalServer,
  LocalServerDraft,
  LocalServerLog,
  Page,
  Tool,
  ToolChanges,
  ToolDetail,
  ToolInvocation,
  ToolServerMeter,
  ToolsRefreshed,
  ToolTerms,
} from "../types";

const stale = [["tools"], ["audit"]];
const at = (id: string) => `/tools/${encodeURIComponent(id)}`;
const serverAt = (name: string) => `/tools/servers/${encodeURIComponent(name)}`;

/* Definitions. */

export interface ToolFilters {
  server?: string;
  state?: string;
  q?: string;
}
export const toolList = (filters: ToolFilters) => ({
  ...pagedQuery<Tool>(["tools", "list"], "/tools", { ...filters }),
  placeholderData: keepPreviousData,
});
/** What waits for somebody's decision: new ones, and those whose definition changed. */
export const waitingTools = queryOptions({
  queryKey: ["tools", "waiting"],
  queryFn: async ({ signal }) => {
    const states = await Promise.all(
      ["changed", "quarantined"].map((state) => readAll<Tool>("/tools", { state }, signal)),
    );
    return states.flat();
  },
});
/** What may be called, for those who choose a tool. */
export const usableTools = queryOptions({
  queryKey: ["tools", "usable"],
  queryFn: async ({ signal }) => {
    const states = await Promise.all(
      ["approved", "deprecated"].map((state) => readAll<Tool>("/tools", { state }, signal)),
    );
    return states.flat();
  },
});
export const toolsOf = (server: string) =>
  queryOptions({
    queryKey: ["tools", "of", server],
    queryFn: ({ signal }) => readAll<Tool>("/tools", { server }, signal),
  });
export const toolDetail = (id: string) =>
  queryOptions({
    queryKey: ["tools", "detail", id],
    queryFn: ({ signal }) => client.get<ToolDetail>(at(id), undefined, signal),
  });

export interface Decision {
  id: string;
  /** The definition that was looked at; another one seen meanwhile is not decided about. */
  pin?: string;
}
export const approveTools = mutationOptions({
  mutationFn: (tools: Decision[]) => client.post<Page<Tool>>("/tools/approve", { tools }),
  meta: { stale },
});
export const rejectTool = mutationOptions({
  mutationFn: ({ id, pin }: Decision) => client.post<Tool>(`${at(id)}/reject`, { pin }),
  meta: { stale },
});
export const disableTool = mutationOptions({
  mutationFn: (id: string) => client.post<Tool>(`${at(id)}/disable`),
  meta: { stale },
});
export const enableTool = mutationOptions({
  mutationFn: (id: string) => client.post<Tool>(`${at(id)}/enable`),
  meta: { stale },
});
export const deprecateTool = mutationOptions({
  mutationFn: ({ id, ...how }: { id: string; note: string; sunset_at: string | null }) =>
    client.post<Tool>(`${at(id)}/deprecate`, how),
  meta: { stale },
});
export const changeTool = (id: string) =>
  mutationOptions({ mutationFn: (changes: ToolChanges) => client.patch<Tool>(at(id), changes), meta: { stale } });

export const toolTerms = queryOptions({
  queryKey: ["tools", "terms"],
  queryFn: ({ signal }) => client.get<ToolTerms>("/tools/terms", undefined, signal),
});
export const setToolTerms = mutationOptions({
  mutationFn: (terms: ToolTerms) => client.put<ToolTerms>("/tools/terms", terms),
  meta: { stale },
});

/* Servers, remote and local. */

export const toolMeter = queryOptions({
  queryKey: ["tools", "meter"],
  queryFn: async ({ signal }) => (await client.get<Page<ToolServerMeter>>("/tools/meter", undefined, signal)).items,
});
export const refreshToolServer = mutationOptions({
  mutationFn: (server: string) => client.post<ToolsRefreshed>(`${serverAt(server)}/refresh`),
  meta: { stale },
});
// How a process does is told by no event.
export const localServers = queryOptions({
  queryKey: ["tools", "local"],
  queryFn: async ({ signal }) => (await client.get<Page<LocalServer>>("/tools/servers", undefined, signal)).items,
  refetchInterval: 5_000,
});
export const localServer = (name: string) =>
  queryOptions({
    queryKey: ["tools", "local", name],
    queryFn: ({ signal }) => client.get<LocalServer>(serverAt(name), undefined, signal),
    refetchInterval: 3_000,
  });
export const localServerLog = (name: string) =>
  queryOptions({
    queryKey: ["tools", "local", name, "log"],
    queryFn: async ({ signal }) =>
      (await client.get<LocalServerLog>(`${serverAt(name)}/logs`, undefined, signal)).lines,
    refetchInterval: 3_000,
  });
export const addLocalServer = mutationOptions({
  mutationFn: (draft: LocalServerDraft) => client.post<LocalServer>("/tools/servers", draft),
  meta: { stale: [...stale, ["services"]] },
});
export const orderLocalServer = mutationOptions({
  mutationFn: ({ name, order }: { name: string; order: "start" | "stop" | "restart" }) =>
    client.post<LocalServer>(`${serverAt(name)}/${order}`),
  meta: { stale },
});
export const enableLocalServer = mutationOptions({
  mutationFn: ({ name, enabled }: { name: string; enabled: boolean }) =>
    client.patch<LocalServer>(serverAt(name), { enabled }),
  meta: { stale },
});
export const removeLocalServer = mutationOptions({
  mutationFn: (name: string) => client.remove(serverAt(name)),
  meta: { stale: [["tools", "meter"], ["services"], ["audit"]] },
});

/* What was called. */

export interface InvocationFilters {
  server?: string;
  tool?: string;
  outcome?: string;
}
export const invocationList = (filters: InvocationFilters) => ({
  ...pagedQuery<ToolInvocation>(["tools", "invocations"], "/tools/invocations", { ...filters }),
  placeholderData: keepPreviousData,
  refetchInterval: 15_000,
});
