import { queryOptions } from "@tanstack/react-query";
import type { OrgEvent } from "../types";

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
