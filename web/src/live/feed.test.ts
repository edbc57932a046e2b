import { describe, expect, it } from "vitest";
import type { Frame } from "../api/types";
import { backoffMs, type LiveStatus, startFeed, type Wire } from "./feed";

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
  say(frame: Frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
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

  it("waits longer each time, within bounds", () => {
    expect([0, 1, 2, 20].map((tries) => backoffMs(tries, 1))).toEqual([500, 1_000, 2_000, 30_000]);
    expect(backoffMs(0, 0)).toBe(250);
  });
});
