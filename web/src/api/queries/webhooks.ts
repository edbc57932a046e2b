import { keepPreviousData, mutationOptions, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { pagedQuery } from "../paging";

export type WebhookStatus = "active" | "paused" | "disabled";
export type DeliveryState = "pending" | "delivered" | "dead" | "discarded";

export interface Webhook {
  id: string;
  name: string;
  url: string;
  description: string;
  status: WebhookStatus;
  disabled_reason: string | null;
  kinds: string[];
  services: string[];
  templates: string[];
  headers: { name: string; hint: string }[];
  ladder_s: number[] | null;
  secret_hint: string;
  previous_secret_until: string | null;
  created_at: string;
  updated_at: string;
  health: {
    delivered_24h: number;
    failed_24h: number;
    pending: number;
    dead: number;
    last_success_at: string | null;
    last_failure_at: string | null;
    last_error: string | null;
  };
}

export interface WebhookDraft {
  name: string;
  url: string;
  description?: string;
  kinds: string[];
  services?: string[];
  /** A value that is left out keeps what is stored under its name. */
  headers?: { name: string; value?: string }[];
  ladder_s?: number[] | null;
}

export interface WebhookWithSecret {
  webhook: Webhook;
  secret: string;
}

export interface Delivery {
  id: string;
  webhook_id: string;
  event_id: string;
  kind: string;
  subject: string;
  origin: "event" | "test" | "edit";
  state: DeliveryState;
  attempts: number;
  next_at: string | null;
  created_at: string;
  finished_at: string | null;
  last_status: number | null;
  last_error: string | null;
  edited: boolean;
}

export interface Attempt {
  number: number;
  at: string;
  status: number | null;
  took_ms: number;
  error: string | null;
  response: string;
}

export type DeliveryDetail = Omit<Delivery, "attempts"> & {
  attempts: Attempt[];
  body: string;
  headers: { name: string; value: string }[];
};

export interface WebhookTest {
  delivery_id: string;
  sample: boolean;
  request: { url: string; headers: { name: string; value: string }[]; body: string };
  status: number | null;
  took_ms: number;
  error: string | null;
  response: string;
}

export interface WebhookReplay {
  dry_run: boolean;
  events: number;
  new: number;
  again: number;
  waiting: number;
  replayed: number;
  more_from: string | null;
}

export interface WebhookReplayAsk {
  since: string;
  until?: string;
  which: "all" | "failed" | "missing";
  dry_run: boolean;
}

const at = (id: string) => `/webhooks/${encodeURIComponent(id)}`;
const stale = [["webhooks"], ["audit"]];

export const webhookList = pagedQuery<Webhook>(["webhooks", "list"], "/webhooks");

export const webhookDetail = (id: string) =>
  queryOptions({
    queryKey: ["webhooks", "detail", id],
    queryFn: ({ signal }) => client.get<Webhook>(at(id), undefined, signal),
    refetchInterval: 15_000,
  });

export const createWebhook = mutationOptions({
  mutationFn: (draft: WebhookDraft) => client.post<WebhookWithSecret>("/webhooks", draft),
  meta: { stale },
  // The secret must not stay in the cache after its one showing.
  gcTime: 0,
});
export const editWebhook = (id: string) =>
  mutationOptions({
    mutationFn: (changes: Partial<WebhookDraft>) => client.patch<Webhook>(at(id), changes),
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

/* Deliveries of one endpoint: the newest may change within seconds, and no socket tells of it. */

export interface DeliveryFilters {
  state?: string;
  kind?: string;
}
export const deliveryList = (id: string, filters: DeliveryFilters) => ({
  ...pagedQuery<Delivery>(["webhooks", "deliveries", id], `${at(id)}/deliveries`, { ...filters }),
  refetchInterval: 5_000,
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
