import { keepPreviousData, mutationOptions, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { readAll } from "../paging";
import type {
  CheckedExpression,
  Policy,
  PolicyChanges,
  PolicyDetail,
  PolicyDraft,
  PolicyQuestion,
  PolicyVerdict,
} from "../types";

const stale = [["policies"], ["audit"]];
const at = (id: string) => `/policies/${encodeURIComponent(id)}`;

const typingMs = 250;

/** Until nothing was typed for a moment; what was typed over meanwhile is not asked about. */
const pause = (signal: AbortSignal) =>
  new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, typingMs);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });

/** All of them, in the order in which they are asked: an org has at most a hundred. */
export const allPolicies = queryOptions({
  queryKey: ["policies", "list"],
  queryFn: ({ signal }) => readAll<Policy>("/policies", {}, signal),
});
export const policyDetail = (id: string) =>
  queryOptions({
    queryKey: ["policies", "detail", id],
    queryFn: ({ signal }) => client.get<PolicyDetail>(at(id), undefined, signal),
  });
/** What is wrong with an expression, asked while it is typed. */
export const checkedExpression = (expression: string) =>
  queryOptions({
    queryKey: ["policies", "check", expression],
    queryFn: async ({ signal }) => {
      await pause(signal);
      return client.post<CheckedExpression>("/policies/check", { expression });
    },
    enabled: expression.trim() !== "",
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    placeholderData: keepPreviousData,
  });
export const createPolicy = mutationOptions({
  mutationFn: (draft: PolicyDraft) => client.post<Policy>("/policies", draft),
  meta: { stale },
});
export const editPolicy = mutationOptions({
  mutationFn: ({ id, ...changes }: PolicyChanges & { id: string }) => client.patch<Policy>(at(id), changes),
  meta: { stale },
});
/** Several positions at once, in one order of the whole list. */
export const movePolicies = mutationOptions({
  mutationFn: async (moves: { id: string; position: number }[]) => {
    for (const { id, position } of moves) await client.patch<Policy>(at(id), { position });
  },
  meta: { stale },
});
export const deletePolicy = mutationOptions({
  mutationFn: (id: string) => client.remove(at(id)),
  meta: { stale: [["policies", "list"], ["audit"]] },
});
export const simulatePolicies = mutationOptions({
  mutationFn: (question: PolicyQuestion) => client.post<PolicyVerdict>("/policies/simulate", question),
});
