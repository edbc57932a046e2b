import { MutationCache, QueryClient, type QueryKey } from "@tanstack/react-query";
import { ApiError } from "./errors";

declare module "@tanstack/react-query" {
  interface Register {
    mutationMeta: { stale?: QueryKey[] };
    defaultError: Error;
  }
}

const answersThatStay = new Set([400, 401, 403, 404, 409, 422]);

export const queryClient: QueryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      gcTime: 5 * 60_000,
      retry: (failures, error) =>
        failures < 2 && !(error instanceof ApiError && (answersThatStay.has(error.status) || error.status === 429)),
      refetchOnWindowFocus: true,
    },
  },
  mutationCache: new MutationCache({
    // A write names what it makes stale; everything that shows it is read again.
    onSuccess: (_result, _input, _context, mutation) =>
      Promise.all((mutation.meta?.stale ?? []).map((queryKey) => queryClient.invalidateQueries({ queryKey }))),
  }),
});
