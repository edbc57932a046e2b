import { mutationOptions, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { readAll } from "../paging";
import type {
  Model,
  ModelChanges,
  ModelChoice,
  ModelChooseAsk,
  ModelConnection,
  ModelMatrixRow,
  ModelRoute,
  ModelRouteChanges,
  ModelRouteDraft,
  Page,
} from "../types";

const stale = [["models"], ["audit"]];
// A model's name may hold slashes, which are part of the path.
const at = (model: string) => `/models/${model.split("/").map(encodeURIComponent).join("/")}`;
const routeAt = (id: string) => `/models/routes/${encodeURIComponent(id)}`;

export const modelMatrix = queryOptions({
  queryKey: ["models", "matrix"],
  queryFn: ({ signal }) => readAll<ModelMatrixRow>("/models/matrix", {}, signal),
  refetchInterval: 30_000,
});
export const modelConnections = queryOptions({
  queryKey: ["models", "connections"],
  queryFn: async ({ signal }) =>
    (await client.get<Page<ModelConnection>>("/models/connections", undefined, signal)).items,
  refetchInterval: 10_000,
});
export const editModel = mutationOptions({
  mutationFn: ({ name, changes }: { name: string; changes: ModelChanges }) => client.patch<Model>(at(name), changes),
  meta: { stale },
});
export const resetModel = mutationOptions({
  mutationFn: (name: string) => client.remove(at(name)),
  meta: { stale },
});

export const modelRoutes = queryOptions({
  queryKey: ["models", "routes"],
  queryFn: ({ signal }) => readAll<ModelRoute>("/models/routes", {}, signal),
});
export const modelRoute = (id: string) =>
  queryOptions({
    queryKey: ["models", "routes", id],
    queryFn: ({ signal }) => client.get<ModelRoute>(routeAt(id), undefined, signal),
  });
export const createModelRoute = mutationOptions({
  mutationFn: (draft: ModelRouteDraft) => client.post<ModelRoute>("/models/routes", draft),
  meta: { stale },
});
export const editModelRoute = (id: string) =>
  mutationOptions({
    mutationFn: (changes: ModelRouteChanges) => client.patch<ModelRoute>(routeAt(id), changes),
    meta: { stale },
  });
export const deleteModelRoute = (id: string) =>
  mutationOptions({ mutationFn: () => client.remove(routeAt(id)), meta: { stale: [["models", "matrix"], ["audit"]] } });
export const chooseModel = (id: string) =>
  mutationOptions({ mutationFn: (ask: ModelChooseAsk) => client.post<ModelChoice>(`${routeAt(id)}/choose`, ask) });
