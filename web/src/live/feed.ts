import type { Frame, Ticket, Topic } from "../api/types";
import { isRoom, type RoomFrame, type Rooms } from "./rooms";
import { createUnpacker, unpacks } from "./unpack";

export type LiveStatus =
  | { state: "connecting" }
  | { state: "catching up" }
  | { state: "live" }
  | { state: "offline"; since: number }
  | { state: "refused"; why: string };

export interface Wire {
  send: (text: string) => void;
  close: () => void;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

export interface FeedParts {
  ticket: () => Promise<Ticket>;
  open: (ticket: string) => Wire;
  apply: (frame: Frame) => void;
  /** A topic whose past is lost: what was shown from it must be read again. */
  forget: (topic: Topic) => void;
  rooms: Rooms;
  report: (status: LiveStatus) => void;
  now: () => number;
  after: (delayMs: number, work: () => void) => () => void;
  random: () => number;
}

const topics: Topic[] = ["calls", "events", "stats", "breakers", "notices"];
/** Topics with a past: they answer a subscription at once, so their first frame says that we caught up. */
const withPast: Topic[] = ["calls", "events"];
const settleMs = 2_000;
const longestWaitMs = 30_000;
const tooManyConnectionsWaitMs = 60_000;
const answerWithinMs = 5_000;

export function backoffMs(tries: number, random: number): number {
  return Math.min(longestWaitMs, 500 * 2 ** tries) * (0.5 + random / 2);
}

/** Keeps one socket open, subscribed to every topic and to the rooms somebody is in, and goes on after a loss from where it was. */
export function startFeed(parts: FeedParts): { stop: () => void; wake: () => void } {
  const cursors = new Map<Topic, number>();
  let wire: Wire | null = null;
  let greeted = false;
  let stopped = false;
  let tries = 0;
  let lostAt: number | null = null;
  let awaiting = new Set<Topic>();
  let heartbeatS = 25;
  let cancelRetry: () => void = () => {};
  let cancelSilence: () => void = () => {};
  let cancelSettle: () => void = () => {};

  const say = (frame: object) => wire?.send(JSON.stringify(frame));
  const subscribe = (topic: Topic) => say({ type: "subscribe", topic, since: cursors.get(topic) ?? null });

  function arrive(topic: Topic | null) {
    if (topic) awaiting.delete(topic);
    if (topic === null) awaiting.clear();
    if (awaiting.size > 0) return;
    cancelSettle();
    lostAt = null;
    tries = 0;
    parts.report({ state: "live" });
  }

  function greet(seconds: number) {
    heartbeatS = seconds;
    greeted = true;
    awaiting = new Set(withPast);
    parts.report({ state: "catching up" });
    if (unpacks) say({ type: "accept", encodings: ["deflate"] });
    topics.forEach(subscribe);
    parts.rooms.open(say);
    cancelSettle = parts.after(settleMs, () => arrive(null));
  }

  function listenForSilence(socket: Wire, patienceMs = heartbeatS * 2_500) {
    cancelSilence();
    cancelSilence = parts.after(patienceMs, () => {
      socket.close();
      // A socket whose network went away may take its time to notice.
      if (socket === wire) lose(1006);
    });
  }

  function take(frame: Frame) {
    if ("topic" in frame && frame.topic !== undefined && isRoom(frame.topic)) {
      return parts.rooms.deliver(frame as RoomFrame);
    }
    switch (frame.type) {
      case "hello":
        return greet(frame.heartbeat_s);
      case "ping":
        return say({ type: "pong" });
      case "pong":
        return;
      case "resync":
        cursors.delete(frame.topic);
        parts.forget(frame.topic);
        return subscribe(frame.topic);
      case "left":
        // What it showed is not ours to see any more; what is read again says so.
        cursors.delete(frame.topic);
        parts.forget(frame.topic);
        return arrive(frame.topic);
      case "error":
        return arrive(frame.topic ?? null);
      case "value":
        return parts.apply(frame);
      default:
        parts.apply(frame);
        cursors.set(frame.topic, frame.cursor);
        if (awaiting.has(frame.topic)) arrive(frame.topic);
    }
  }

  function lose(code: number) {
    wire = null;
    greeted = false;
    cancelSilence();
    cancelSettle();
    parts.rooms.lose();
    if (stopped) return;
    if (code === 4403) {
      stopped = true;
      return parts.report({ state: "refused", why: "You may not follow live data in this scope" });
    }
    lostAt ??= parts.now();
    parts.report({ state: "offline", since: lostAt });
    const wait = code === 4409 ? tooManyConnectionsWaitMs : backoffMs(tries, parts.random());
    tries += 1;
    cancelRetry = parts.after(wait, connect);
  }

  async function connect() {
    cancelRetry();
    let ticket: Ticket;
    try {
      ticket = await parts.ticket();
    } catch {
      // No ticket: the server is away, or the sign-in is gone, which the client notices by itself.
      return lose(0);
    }
    if (stopped) return;
    const socket = parts.open(ticket.ticket);
    wire = socket;
    listenForSilence(socket);
    const unpack = createUnpacker(
      (text) => {
        if (socket === wire) take(JSON.parse(text) as Frame);
      },
      () => socket.close(),
    );
    socket.onmessage = (event) => {
      if (socket !== wire) return;
      listenForSilence(socket);
      unpack(event.data);
    };
    socket.onclose = (event) => {
      if (socket === wire) lose(event.code);
    };
  }

  parts.report({ state: "connecting" });
  void connect();
  return {
    stop: () => {
      stopped = true;
      cancelRetry();
      cancelSilence();
      cancelSettle();
      parts.rooms.lose();
      wire?.close();
    },
    /** The page or the network is back: try at once, or ask a socket that still looks open whether it is. */
    wake: () => {
      if (stopped) return;
      if (wire === null) {
        if (lostAt !== null) void connect();
      } else if (greeted) {
        say({ type: "ping" });
        listenForSilence(wire, answerWithinMs);
      }
    },
  };
}
