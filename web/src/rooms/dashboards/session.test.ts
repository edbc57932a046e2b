import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { State } from "../../api/widgets";
import { checksum } from "./checksum";
import { withLayout } from "./document";
import { applied, type Json } from "./patch";
import { createSession, type RoomListener } from "./session";
import type { ClientFrame } from "./sync";
import { statusOf } from "./sync";

const topic = "dashboard:dash_1";
const start: State = { schema: 1, layout: "grid", order: [], widgets: {}, view: {} };
const asJson = (state: State) => state as unknown as Json;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", new EventTarget());
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function setUp() {
  const sent: ClientFrame[] = [];
  const rooms: { listener: RoomListener; left: boolean }[] = [];
  const session = createSession(topic, "tab-a", (_topic, listener) => {
    const room = { listener, left: false };
    rooms.push(room);
    return {
      send: (frame) => sent.push(frame),
      leave: () => {
        room.left = true;
      },
    };
  });
  const unwatch = session.watch(() => {});
  const room = rooms[0] as (typeof rooms)[0];
  room.listener.connected();
  const state = asJson(start);
  room.listener.frame({ type: "state", topic, version: 1, state, checksum: checksum(state) });
  return { session, sent, rooms, room, unwatch };
}

it("sends a change once its time has come", () => {
  const { session, sent } = setUp();
  session.change((state) => withLayout(state, "split"));
  expect(sent.filter((it) => it.type === "patch")).toHaveLength(0);
  vi.advanceTimersByTime(100);
  expect(sent.at(-1)).toMatchObject({ type: "patch", patch: [{ op: "replace", path: "/layout", value: "split" }] });
});

it("stays in the room after the page was left until its last change is saved", () => {
  const { session, sent, room, unwatch } = setUp();
  session.change((state) => withLayout(state, "split"));
  unwatch();
  vi.advanceTimersByTime(150);
  expect([sent.at(-1)?.type, room.left]).toEqual(["patch", false]);
  const after = applied(asJson(start), [{ op: "replace", path: "/layout", value: "split" }]);
  room.listener.frame({ type: "patched", topic, ref: 1, version: 2, checksum: checksum(after) });
  expect([statusOf(session.sync()), room.left]).toEqual(["offline", true]);
});

it("leaves the room at once when nothing is unsaved, but not for a page that is only drawn anew", () => {
  const { session, rooms, room, unwatch } = setUp();
  unwatch();
  const again = session.watch(() => {});
  vi.advanceTimersByTime(1);
  expect([room.left, rooms.length]).toEqual([false, 1]);
  again();
  vi.advanceTimersByTime(1);
  expect(room.left).toBe(true);
});

it("abandons what is unsaved when the person signs out", () => {
  const { session, sent, room } = setUp();
  session.change((state) => withLayout(state, "split"));
  session.abandon();
  vi.advanceTimersByTime(1_000);
  expect([room.left, session.sync().shown]).toEqual([true, null]);
  expect(sent.filter((it) => it.type === "patch")).toHaveLength(0);
});

it("asks before the tab is closed while something is unsaved", () => {
  const { session } = setUp();
  const close = () => {
    const event = new Event("beforeunload", { cancelable: true });
    window.dispatchEvent(event);
    return event.defaultPrevented;
  };
  expect(close()).toBe(false);
  session.change((state) => withLayout(state, "split"));
  expect(close()).toBe(true);
});

it("stays in the room while one's own version waits for a decision", () => {
  const { session, room, unwatch } = setUp();
  session.change((state) => withLayout(state, "split"));
  vi.advanceTimersByTime(100);
  const theirs = asJson(withLayout(start, "single"));
  room.listener.frame({ type: "conflict", topic, ref: 1, version: 2, state: theirs, checksum: checksum(theirs) });
  unwatch();
  vi.advanceTimersByTime(150);
  expect([session.sync().kept.length, room.left]).toEqual([1, false]);
  const leaving = new Event("beforeunload", { cancelable: true });
  window.dispatchEvent(leaving);
  expect(leaving.defaultPrevented).toBe(true);
  session.discard();
  expect([session.sync().shown, room.left]).toEqual([theirs, true]);
});
