import { deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Frame } from "../api/types";
import { backoffMs, type LiveStatus, startFeed, type Wire } from "./feed";
import { createRooms, type RoomFrame, type RoomListener } from "./rooms";

class FakeWire implements Wire {
  sent: Record<string, unknown>[] = [];
  onmessage: Wire["onmessage"] = null;
  onclose: Wire["onclose"] = null;
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.lose(1000);
  }
  say(frame: Frame | RoomFrame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  sayPacked(frame: Frame) {
    const packed = new Uint8Array(deflateRawSync(JSON.stringify(frame)));
    this.onmessage?.({ data: packed.buffer });
  }
  lose(code: number) {
    this.onclose?.({ code });
  }
  subscribed(topic: string) {
    return this.sent.filter((it) => it.type === "subscribe" && it.topic === topic).map((it) => it.since);
  }
}

const hello: Frame = { type: "hello", org_id: "org_1", scope: "ENTERPRISE", heartbeat_s: 25 };
const calls = (type: "snapshot" | "append", cursor: number): Frame => ({ type, topic: "calls", cursor, items: [] });
const events = (cursor: number): Frame => ({ type: "snapshot", topic: "events", cursor, items: [] });
const settled = () => new Promise((resolve) => setTimeout(resolve));

async function setUp() {
  const wires: FakeWire[] = [];
  const statuses: LiveStatus[] = [];
  const applied: Frame[] = [];
  const forgotten: string[] = [];
  const timers: { delayMs: number; work: () => void; off: boolean }[] = [];
  const rooms = createRooms();
  let now = 1_000;
  const feed = startFeed({
    ticket: async () => ({ ticket: "t", expires_at: "" }),
    open: () => {
      const wire = new FakeWire();
      wires.push(wire);
      return wire;
    },
    apply: (frame) => applied.push(frame),
    forget: (topic) => forgotten.push(topic),
    rooms,
    report: (status) => statuses.push(status),
    now: () => now,
    after: (delayMs, work) => {
      const timer = { delayMs, work, off: false };
      timers.push(timer);
      return () => {
        timer.off = true;
      };
    },
    random: () => 1,
  });
  await settled();
  return {
    feed,
    rooms,
    wires,
    statuses,
    applied,
    forgotten,
    state: () => statuses.at(-1)?.state,
    tick: async (delayMs: number) => {
      now += delayMs;
      for (const timer of timers.filter((it) => !it.off && it.delayMs === delayMs)) {
        timer.off = true;
        timer.work();
      }
      await settled();
    },
  };
}

describe("the feed", () => {
  it("is live when the topics with a past have answered", async () => {
    const { wires, state } = await setUp();
    expect(state()).toBe("connecting");
    wires[0]?.say(hello);
    expect(state()).toBe("catching up");
    wires[0]?.say(calls("snapshot", 7));
    expect(state()).toBe("catching up");
    wires[0]?.say(events(3));
    expect(state()).toBe("live");
  });

  it("goes on after a loss from where it was", async () => {
    const { wires, state, statuses, tick } = await setUp();
    wires[0]?.say(hello);
    wires[0]?.say(calls("snapshot", 7));
    wires[0]?.say(events(3));
    wires[0]?.say(calls("append", 9));
    wires[0]?.lose(1006);
    expect(statuses.at(-1)).toEqual({ state: "offline", since: 1_000 });
    await tick(backoffMs(0, 1));
    expect(wires).toHaveLength(2);
    wires[1]?.say(hello);
    expect(wires[1]?.subscribed("calls")).toEqual([9]);
    expect(wires[1]?.subscribed("events")).toEqual([3]);
    wires[1]?.say(calls("append", 12));
    wires[1]?.say(events(3));
    expect(state()).toBe("live");
  });

  it("asks for everything anew when its past is gone", async () => {
    const { wires, forgotten } = await setUp();
    wires[0]?.say(hello);
    wires[0]?.say(calls("snapshot", 7));
    wires[0]?.say({ type: "resync", topic: "calls" });
    expect(forgotten).toEqual(["calls"]);
    expect(wires[0]?.subscribed("calls")).toEqual([null, null]);
  });

  it("does not wait forever for a topic that stays silent", async () => {
    const { wires, state, tick } = await setUp();
    wires[0]?.say(hello);
    await tick(2_000);
    expect(state()).toBe("live");
  });

  it("drops a connection that fell silent and tries again", async () => {
    const { wires, state, tick } = await setUp();
    wires[0]?.say(hello);
    await tick(62_500);
    expect(state()).toBe("offline");
    await tick(backoffMs(0, 1));
    expect(wires).toHaveLength(2);
  });

  it("answers pings, and stays away when it is refused", async () => {
    const { wires, state, tick } = await setUp();
    wires[0]?.say(hello);
    wires[0]?.say({ type: "ping" });
    expect(wires[0]?.sent.at(-1)).toEqual({ type: "pong" });
    wires[0]?.lose(4403);
    expect(state()).toBe("refused");
    await tick(backoffMs(0, 1));
    expect(wires).toHaveLength(1);
  });

  it("asks a socket that looks open whether it is, when the page comes back", async () => {
    const { feed, wires, state, tick } = await setUp();
    wires[0]?.say(hello);
    feed.wake();
    expect(wires[0]?.sent.at(-1)).toEqual({ type: "ping" });
    wires[0]?.say({ type: "pong" });
    await tick(5_000);
    expect(state()).toBe("catching up");
    feed.wake();
    await tick(5_000);
    expect(state()).toBe("offline");
  });

  it("leaves a topic that it may not follow any more", async () => {
    const { wires, forgotten, state } = await setUp();
    wires[0]?.say(hello);
    wires[0]?.say(calls("snapshot", 7));
    wires[0]?.say({ type: "left", topic: "events", why: "forbidden" });
    expect(forgotten).toEqual(["events"]);
    expect(state()).toBe("live");
  });

  it("reads packed frames, in the order in which they came", async () => {
    const { wires, applied } = await setUp();
    wires[0]?.say(hello);
    expect(wires[0]?.sent[0]).toEqual({ type: "accept", encodings: ["deflate"] });
    wires[0]?.sayPacked(calls("snapshot", 1));
    wires[0]?.say(calls("append", 2));
    wires[0]?.sayPacked(calls("append", 3));
    await expect.poll(() => applied.length).toBe(3);
    wires[0]?.say(calls("append", 4));
    expect(applied.map((frame) => "cursor" in frame && frame.cursor)).toEqual([1, 2, 3, 4]);
  });

  it("gives up a socket that brings what cannot be unpacked", async () => {
    const { wires, state } = await setUp();
    wires[0]?.say(hello);
    wires[0]?.onmessage?.({ data: new Uint8Array([1, 2, 3]).buffer });
    await expect.poll(state).toBe("offline");
  });

  it("waits longer each time, within bounds", () => {
    expect([0, 1, 2, 20].map((tries) => backoffMs(tries, 1))).toEqual([500, 1_000, 2_000, 30_000]);
    expect(backoffMs(0, 0)).toBe(250);
  });
});

function listener() {
  const heard: string[] = [];
  const hear: RoomListener = {
    connected: () => heard.push("connected"),
    lost: () => heard.push("lost"),
    frame: (frame) => heard.push(frame.type),
  };
  return { heard, hear };
}

describe("a room", () => {
  it("hears of the socket and of its own topic, and nothing after it was left", async () => {
    const { rooms, wires, applied, tick } = await setUp();
    const { heard, hear } = listener();
    const room = rooms.join("dashboard:1", hear);
    await settled();
    expect(heard).toEqual([]);
    wires[0]?.say(hello);
    wires[0]?.say({ type: "state", topic: "dashboard:1" });
    wires[0]?.say({ type: "patch", topic: "dashboard:2" });
    wires[0]?.say({ type: "error", topic: "dashboard:1" });
    expect(heard).toEqual(["connected", "state", "error"]);
    wires[0]?.lose(1006);
    await tick(backoffMs(0, 1));
    wires[1]?.say(hello);
    expect(heard.slice(3)).toEqual(["lost", "connected"]);
    room.leave();
    expect(wires[1]?.sent.at(-1)).toEqual({ type: "unsubscribe", topic: "dashboard:1" });
    wires[1]?.say({ type: "patch", topic: "dashboard:1" });
    expect(heard).toHaveLength(5);
    expect(applied).toEqual([]);
  });

  it("that is joined later is connected at once, and speaks through the socket of the moment", async () => {
    const { rooms, wires } = await setUp();
    wires[0]?.say(hello);
    const { heard, hear } = listener();
    const room = rooms.join("service:1", hear);
    expect(heard).toEqual([]);
    await settled();
    expect(heard).toEqual(["connected"]);
    room.send({ type: "subscribe", topic: "service:1", since: null });
    expect(wires[0]?.subscribed("service:1")).toEqual([null]);
    wires[0]?.lose(1006);
    room.send({ type: "subscribe", topic: "service:1", since: null });
    expect(wires[0]?.subscribed("service:1")).toEqual([null]);
  });

  it("does not take an error about something else for its own", async () => {
    const { rooms, wires, state } = await setUp();
    const { heard, hear } = listener();
    rooms.join("dashboard:1", hear);
    wires[0]?.say(hello);
    wires[0]?.say(calls("snapshot", 1));
    wires[0]?.say({ type: "error", code: "ROLE_REQUIRED", message: "", topic: "events" });
    expect(heard).toEqual(["connected"]);
    expect(state()).toBe("live");
  });
});
