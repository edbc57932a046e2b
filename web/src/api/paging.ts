import { infiniteQueryOptions } from "@tanstack/react-query";
import { client, type Params } from "./client";
import type { Page } from "./types";

/** A list read page by page along the server's cursor. */
export function pagedQuery<T>(queryKey: readonly unknown[], path: string, params: Params = {}, pageSize = 50) {
  return infiniteQueryOptions({
    queryKey: [...queryKey, params],
    queryFn: ({ pageParam, signal }) =>
      client.get<Page<T>>(path, { ...params, page_size: pageSize, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.pagination.cursors.next ?? undefined,
  });
}

/** A short list, read whole: at most the largest page of the contract. */
export async function readAll<T>(path: string, params: Params, signal: AbortSignal): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  for (let pages = 0; pages < 10; pages += 1) {
    const page: Page<T> = await client.get<Page<T>>(path, { ...params, page_size: 100, cursor }, signal);
    found.push(...page.items);
    cursor = page.pagination.cursors.next;
    if (!cursor) break;
  }
  return found;
}
