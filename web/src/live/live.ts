import type { QueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { client } from "../api/client";
import { liveBreakers, liveCalls, liveStats } from "../api/queries/calls";
import { liveEvents } from "../api/queries/events";
import { queryClient } from "../api/query-client";
import type { Call, Frame, LiveBreaker, OrgEvent, Service, Ticket, Topic } from "../api/types";
import { type LiveStatus, startFeed, type Wire } from "./feed";
import { createRooms, type Room, type RoomListener } from "./rooms";
import { appendToTail, emptyTail, lostSome, replaceTail, staleAfter, type Tail, withBreakers } from "./tail";

const rooms = createRooms();

/** Be in a room for as long as the answer is held; one listener to a topic. Frames come in order, and only while connected. */
export function join<F extends { type: string; topic?: string | null }>(
  topic: string,
  listener: { connected: () => void; lost: () => void; frame: (frame: F) => void },
): Room {
  return rooms.join(topic, listener as RoomListener<never> as RoomListener);
}

let status: LiveStatus = { state: "connecting" };
const watchers = new Set<() => void>();

function report(next: LiveStatus) {
  status = next;
  for (const watcher of watchers) watcher();
}

export function useLiveStatus(): LiveStatus {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => {
        watchers.delete(watcher);
      };
    },
    () => status,
  );
}

/** Collects what became stale and reads it again in one go, so that a burst of events costs one round of requests. */
function createBroom(cache: QueryClient, everyMs: number) {
  const stale = new Map<string, string[]>();
  function sweep() {
    for (const queryKey of stale.values()) void cache.invalidateQueries({ queryKey });
    stale.clear();
  }
  return (...queryKey: string[]) => {
    if (stale.size === 0) setTimeout(sweep, everyMs);
    stale.set(queryKey.join("/"), queryKey);
  };
}

const soon = createBroom(queryClient, 400);
const steadily = createBroom(queryClient, 2_000);
const seldom = createBroom(queryClient, 10_000);

function applyCalls(frame: Extract<Frame, { topic: "calls"; cursor: number }>) {
  const before = queryClient.getQueryData<Tail<Call>>(liveCalls.queryKey) ?? emptyTail;
  const after =
    frame.type === "snapshot"
      ? replaceTail(frame.cursor, frame.items)
      : appendToTail(before, frame.cursor, frame.items);
  queryClient.setQueryData(liveCalls.queryKey, after);
  if (frame.type === "append" && lostSome(before, after)) seldom("calls", "list");
  if (frame.type === "append" && frame.items.length > 0) {
    steadily("budgets");
    seldom("calls", "recent");
  }
}

function applyEvents(frame: Extract<Frame, { topic: "events"; cursor: number }>) {
  const before = queryClient.getQueryData<Tail<OrgEvent>>(liveEvents.queryKey) ?? emptyTail;
  const after =
    frame.type === "snapshot"
      ? replaceTail(frame.cursor, frame.items)
      : appendToTail(before, frame.cursor, frame.items);
  queryClient.setQueryData(liveEvents.queryKey, after);
  // The first events are the past: what is on the screen was read after them.
  if (frame.type === "snapshot") return;
  if (lostSome(before, after)) seldom("events", "list");
  for (const event of frame.items) for (const key of staleAfter(event.kind)) soon(key);
  // Any event may be on its way to an endpoint; by then the first try is over.
  if (frame.items.length > 0) steadily("webhooks");
}

function applyBreakers(breakers: LiveBreaker[]) {
  queryClient.setQueryData(liveBreakers.queryKey, breakers);
  queryClient.setQueriesData<Service>({ queryKey: ["services", "detail"] }, (service) =>
    service ? withBreakers(service, breakers) : service,
  );
  soon("overview");
}

function apply(frame: Frame) {
  if (frame.type === "value" && frame.topic === "stats") queryClient.setQueryData(liveStats.queryKey, frame.value);
  if (frame.type === "value" && frame.topic === "breakers") applyBreakers(frame.value);
  if (frame.type === "value" && frame.topic === "notices") soon("notices");
  if ((frame.type === "snapshot" || frame.type === "append") && frame.topic === "calls") applyCalls(frame);
  if ((frame.type === "snapshot" || frame.type === "append") && frame.topic === "events") applyEvents(frame);
}

function forget(topic: Topic) {
  if (topic === "calls") {
    soon("calls", "list");
    soon("calls", "recent");
  } else if (topic === "events") {
    void queryClient.invalidateQueries({ predicate: (query) => query.queryKey[0] !== "live" });
  }
}

function open(ticket: string): Wire {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws`, ["portico.v1", `ticket.${ticket}`]);
  socket.binaryType = "arraybuffer";
  return socket as unknown as Wire;
}

function after(delayMs: number, work: () => void): () => void {
  const timer = setTimeout(work, delayMs);
  return () => clearTimeout(timer);
}

/** Follows one place, an org and a scope, for as long as the frame is on the screen. */
export function useFollow(place: string | null) {
  useEffect(() => {
    if (place === null) return;
    queryClient.setQueryData(liveCalls.queryKey, emptyTail);
    queryClient.setQueryData(liveEvents.queryKey, emptyTail);
    queryClient.setQueryData(liveStats.queryKey, null);
    queryClient.setQueryData(liveBreakers.queryKey, null);
    const feed = startFeed({
      ticket: () => client.post<Ticket>("/ws-tickets"),
      open,
      apply,
      forget,
      rooms,
      report,
      now: Date.now,
      after,
      random: Math.random,
    });
    const wake = () => {
      if (!document.hidden) feed.wake();
    };
    window.addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
    return () => {
      window.removeEventListener("online", wake);
      document.removeEventListener("visibilitychange", wake);
      feed.stop();
    };
  }, [place]);
}
