import { keepPreviousData, mutationOptions, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { pagedQuery } from "../paging";

import type {
  Delivery,
  DeliveryDetail,
  Page,
  Webhook,
  WebhookChanges,
  WebhookDraft,
  WebhookReplay,
  WebhookReplayAsk,
  WebhookTest,
  WebhookWithSecret,
} from "../types";

const at = (id: string) => `/webhooks/${encodeURIComponent(id)}`;
const stale = [["webhooks"], ["audit"]];

// A try that is running counts as one to be made again 20 s after it began.
const [atRestMs, whileSendingMs, answerMs, runningMs] = [30_000, 5_000, 1_000, 21_000];

/** When to look again: as the next try should be over, soon while one is due or running, and seldom while none is. */
export function untilNextTry(shown: Pick<Delivery, "state" | "next_at">[], now: number): number {
  const waits = shown
    .filter((it) => it.state === "pending" && it.next_at)
    .map((it) => Date.parse(it.next_at ?? "") - now + answerMs);
  const soonest = Math.min(...waits, atRestMs);
  if (soonest > runningMs) return soonest;
  return soonest < answerMs ? whileSendingMs : Math.min(soonest, whileSendingMs);
}

export const webhookList = pagedQuery<Webhook>(["webhooks", "list"], "/webhooks");

export const webhookDetail = (id: string) =>
  queryOptions({
    queryKey: ["webhooks", "detail", id],
    queryFn: ({ signal }) => client.get<Webhook>(at(id), undefined, signal),
    // With its deliveries, so that the two never tell different things.
    refetchInterval: ({ state }) => (state.data?.health.pending ? whileSendingMs : atRestMs),
  });

export const createWebhook = mutationOptions({
  mutationFn: (draft: WebhookDraft) => client.post<WebhookWithSecret>("/webhooks", draft),
  meta: { stale },
  // The secret must not stay in the cache after its one showing.
  gcTime: 0,
});
export const editWebhook = (id: string) =>
  mutationOptions({
    mutationFn: (changes: WebhookChanges) => client.patch<Webhook>(at(id), changes),
    meta: { stale },
    gcTime: 0,
  });
export const deleteWebhook = (id: string) =>
  mutationOptions({ mutationFn: () => client.remove(at(id)), meta: { stale: [["webhooks", "list"], ["audit"]] } });
export const pauseWebhook = (id: string) =>
  mutationOptions({ mutationFn: () => client.post<Webhook>(`${at(id)}/pause`), meta: { stale } });
export const resumeWebhook = (id: string) =>
  mutationOptions({ mutationFn: () => client.post<Webhook>(`${at(id)}/resume`), meta: { stale } });
export const rotateWebhookSecret = (id: string) =>
  mutationOptions({
    mutationFn: (overlap_s: number) => client.post<WebhookWithSecret>(`${at(id)}/rotate-secret`, { overlap_s }),
    meta: { stale },
    gcTime: 0,
  });
export const testWebhook = (id: string) =>
  mutationOptions({ mutationFn: () => client.post<WebhookTest>(`${at(id)}/test`), meta: { stale } });
export const replayWebhook = (id: string) =>
  mutationOptions({
    mutationFn: (ask: WebhookReplayAsk) => client.post<WebhookReplay>(`${at(id)}/replay`, ask),
    meta: { stale },
  });

/* Deliveries of one endpoint. The socket's events tell of new ones; how those on their way get on has to be asked. */

export interface DeliveryFilters {
  state?: string;
  kind?: string;
}
export const deliveryList = (id: string, filters: DeliveryFilters) => ({
  ...pagedQuery<Delivery>(["webhooks", "deliveries", id], `${at(id)}/deliveries`, { ...filters }),
  refetchInterval: ({ state }: { state: { data?: { pages: Page<Delivery>[] } } }) =>
    untilNextTry(state.data?.pages.flatMap((page) => page.items) ?? [], Date.now()),
  placeholderData: keepPreviousData,
});
export const deliveryDetail = (id: string) =>
  queryOptions({
    queryKey: ["webhooks", "delivery", id],
    queryFn: ({ signal }) =>
      client.get<DeliveryDetail>(`/webhook-deliveries/${encodeURIComponent(id)}`, undefined, signal),
    refetchInterval: ({ state }) => (state.data?.state === "pending" ? 2_000 : false),
  });
export const redeliver = (id: string) =>
  mutationOptions({
    mutationFn: (body?: string) =>
      client.post<Delivery>(
        `/webhook-deliveries/${encodeURIComponent(id)}/redeliver`,
        body === undefined ? {} : { body },
      ),
    meta: { stale },
  });
