import { keepPreviousData, mutationOptions, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { pagedQuery } from "../paging";
import { replayAll } from "../replay";
import { saveFile } from "../save";
import type {
  DeadLetter,
  EventArchive,
  EventConsumer,
  EventReplay,
  EventReplayAsk,
  EventType,
  OrgEvent,
  Page,
} from "../types";

/** What the socket keeps up to date; this key is never fetched over HTTP. */
export interface EventTail {
  cursor: number | null;
  items: OrgEvent[];
}
export const liveEvents = queryOptions<EventTail>({
  queryKey: ["live", "events"],
  queryFn: () => ({ cursor: null, items: [] }),
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: Number.POSITIVE_INFINITY,
});

export interface EventFilters {
  kind?: string;
  category?: string;
  subject?: string;
  since?: string;
  until?: string;
}
export const eventList = (filters: EventFilters) => pagedQuery<OrgEvent>(["events", "list"], "/events", { ...filters });

/** The newest page of what happened since then, and whether there was more. */
export const recentEvents = (since: string | undefined) =>
  queryOptions({
    queryKey: ["events", "recent", since],
    queryFn: ({ signal }) => client.get<Page<OrgEvent>>("/events", { since, page_size: 100 }, signal),
    select: (page) => ({ events: page.items, more: page.pagination.cursors.next !== null }),
    placeholderData: keepPreviousData,
  });

export const eventDetail = (id: string) =>
  queryOptions({
    queryKey: ["events", "detail", id],
    queryFn: ({ signal }) => client.get<OrgEvent>(`/events/${encodeURIComponent(id)}`, undefined, signal),
    // What happened does not change.
    staleTime: Number.POSITIVE_INFINITY,
  });

export const eventTypes = queryOptions({
  queryKey: ["events", "types"],
  queryFn: ({ signal }) => client.get<{ items: EventType[] }>("/event-types", undefined, signal),
  select: (answer) => answer.items,
  staleTime: 5 * 60_000,
});

/** The newest events of one type: who publishes it, and when last. */
export const publishedOf = (kind: string) =>
  queryOptions({
    queryKey: ["events", "published", kind],
    queryFn: ({ signal }) => client.get<Page<OrgEvent>>("/events", { kind, page_size: 100 }, signal),
    select: (page) => ({ events: page.items, more: page.pagination.cursors.next !== null }),
  });

export interface TypeDraft {
  name: string;
  summary: string;
  schema: Record<string, unknown>;
}
export const registerType = mutationOptions({
  mutationFn: ({ name, ...rest }: TypeDraft) => client.put<EventType>(`/event-types/${encodeURIComponent(name)}`, rest),
  meta: { stale: [["events", "types"]] },
});
export const removeType = (name: string) =>
  mutationOptions({
    mutationFn: () => client.remove(`/event-types/${encodeURIComponent(name)}`),
    meta: { stale: [["events", "types"]] },
  });

/* What has left the log. */

export const archiveList = pagedQuery<EventArchive>(["events", "archives"], "/event-archives");
export const downloadArchive = mutationOptions({
  mutationFn: async ({ id }: EventArchive) =>
    saveFile(`events-${id}.jsonl`, await client.file(`/event-archives/${id}`)),
});

/* How the log is consumed. No socket tells of it, so it is asked again. */

export const consumerList = queryOptions({
  queryKey: ["events", "consumers"],
  queryFn: ({ signal }) => client.get<{ items: EventConsumer[] }>("/event-consumers", undefined, signal),
  select: (answer) => answer.items,
  refetchInterval: 10_000,
});

export interface DeadLetterFilters {
  consumer?: string;
  kind?: string;
}
const lettersStale = [
  ["events", "dead-letters"],
  ["events", "consumers"],
];

export const deadLetterList = (filters: DeadLetterFilters) => ({
  ...pagedQuery<DeadLetter>(["events", "dead-letters", "list"], "/dead-letters", { ...filters }),
  placeholderData: keepPreviousData,
});
export const deadLetterDetail = (id: string) =>
  queryOptions({
    queryKey: ["events", "dead-letters", "detail", id],
    queryFn: ({ signal }) => client.get<DeadLetter>(`/dead-letters/${encodeURIComponent(id)}`, undefined, signal),
  });
export const editDeadLetter = (id: string) =>
  mutationOptions({
    mutationFn: (payload: Record<string, unknown>) => client.patch<DeadLetter>(`/dead-letters/${id}`, { payload }),
    meta: { stale: lettersStale },
  });
export const retryDeadLetter = (id: string) =>
  mutationOptions({
    mutationFn: () => client.post<unknown>(`/dead-letters/${id}/retry`),
    meta: {
      stale: [
        ["events", "dead-letters", "list"],
        ["events", "consumers"],
      ],
    },
  });
export const discardDeadLetter = (id: string) =>
  mutationOptions({
    mutationFn: () => client.post<unknown>(`/dead-letters/${id}/discard`),
    meta: { stale: [["events", "dead-letters", "list"], ["events", "consumers"], ["audit"]] },
  });
export const retryDeadLetters = mutationOptions({
  mutationFn: (of: DeadLetterFilters) => client.post<{ retried: number }>("/dead-letters/retry", of),
  meta: { stale: lettersStale },
});

export const replayEvents = (told: (sofar: EventReplay) => void) =>
  mutationOptions({
    mutationFn: (ask: EventReplayAsk) =>
      replayAll(ask, (step) => client.post<EventReplay>("/event-replays", step), told),
    meta: { stale: [["events", "consumers"]] },
  });
