import { mutationOptions, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { readAll } from "../paging";
import type { Budget, BudgetDraft, Limit, LimitDraft } from "../types";

const budgetsStale = [["budgets"], ["overview"]];

export const budgetList = queryOptions({
  queryKey: ["budgets"],
  queryFn: ({ signal }) => readAll<Budget>("/budgets", {}, signal),
  refetchInterval: 15_000,
});
export const createBudget = mutationOptions({
  mutationFn: (draft: BudgetDraft) => client.post<Budget>("/budgets", draft),
  meta: { stale: budgetsStale },
});
export const editBudget = mutationOptions({
  mutationFn: ({
    id,
    ...changes
  }: { id: string } & Partial<Pick<BudgetDraft, "name" | "limit" | "warn_at_percent" | "enabled">>) =>
    client.patch<Budget>(`/budgets/${id}`, changes),
  meta: { stale: budgetsStale },
});
export const deleteBudget = mutationOptions({
  mutationFn: (id: string) => client.remove(`/budgets/${id}`),
  meta: { stale: budgetsStale },
});

export const limitList = queryOptions({
  queryKey: ["limits"],
  queryFn: ({ signal }) => readAll<Limit>("/limits", {}, signal),
});
export const createLimit = mutationOptions({
  mutationFn: (draft: LimitDraft) => client.post<Limit>("/limits", draft),
  meta: { stale: [["limits"]] },
});
export const editLimit = mutationOptions({
  mutationFn: ({
    id,
    ...changes
  }: { id: string } & Partial<Pick<LimitDraft, "name" | "rate" | "per_s" | "burst" | "enabled">>) =>
    client.patch<Limit>(`/limits/${id}`, changes),
  meta: { stale: [["limits"]] },
});
export const deleteLimit = mutationOptions({
  mutationFn: (id: string) => client.remove(`/limits/${id}`),
  meta: { stale: [["limits"]] },
});
