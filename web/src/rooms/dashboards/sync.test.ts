import { describe, expect, it } from "vitest";
import { checksum } from "./checksum";
import { applied, type Json, type Patch } from "./patch";
import {
  budgetPerMinute,
  type ClientFrame,
  collectMs,
  type Input,
  largestStateBytes,
  type ServerFrame,
  type Sync,
  startSync,
  statusOf,
  step,
  wakeAt,
} from "./sync";

const topic = "dashboard:dash_1";
const start: Json = {
  schema: 1,
  layout: "grid",
  order: ["w1"],
  widgets: { w1: { id: "w1", title: "Calls", place: { x: 0, y: 0 } } },
  view: {},
};
const title = (value: string, id = "w1"): Patch => [{ op: "replace", path: `/widgets/${id}/title`, value }];
const titleOf = (sync: Sync, id = "w1") =>
  (sync.shown as { widgets: Record<string, { title: string }> }).widgets[id]?.title;

class Tab {
  sync: Sync;
  at = 0;
  out: ClientFrame[] = [];
  constructor(readonly name: string) {
    this.sync = startSync(topic, name);
  }
  do(input: Input) {
    const next = step(this.sync, input, this.at);
    this.sync = next.sync;
    this.out.push(...next.out);
    return this;
  }
  hear(frame: ServerFrame) {
    return this.do({ kind: "frame", frame });
  }
  edit(patch: Patch) {
    return this.do({ kind: "edit", patch });
  }
  wait(ms: number) {
    this.at += ms;
    return this.do({ kind: "tick" });
  }
  get last() {
    return this.out.at(-1);
  }
}

const stateFrame = (state: Json, version: number): ServerFrame => ({
  type: "state",
  topic,
  version,
  state,
  checksum: checksum(state),
});
const opened = (name = "tab-a") => new Tab(name).do({ kind: "connected" }).hear(stateFrame(start, 7));
const patched = (ref: number, version: number, state: Json): ServerFrame => ({
  type: "patched",
  topic,
  ref,
  version,
  checksum: checksum(state),
});

describe("edits of one tab", () => {
  it("are shown at once and sent 100 ms later, merged into one patch for the version they were made on", () => {
    const tab = opened().edit(title("Traf")).wait(40).edit(title("Traffic"));
    expect(titleOf(tab.sync)).toBe("Traffic");
    expect(statusOf(tab.sync)).toBe("saving");
    expect(tab.wait(59).out).toHaveLength(1);
    tab.wait(1);
    expect(tab.last).toEqual({ type: "patch", topic, tab: "tab-a", version: 7, ref: 1, patch: title("Traffic") });
    tab.hear(patched(1, 8, applied(start, title("Traffic"))));
    expect(statusOf(tab.sync)).toBe("saved");
    expect(tab.sync.version).toBe(8);
  });

  it("that take each other back are not sent at all", () => {
    const tab = opened().edit(title("Other")).edit(title("Calls")).wait(1_000);
    expect(tab.out).toHaveLength(1);
    expect(statusOf(tab.sync)).toBe("saved");
  });

  it("wait while an answer is on its way, and go out together after it", () => {
    const tab = opened().edit(title("A")).wait(100).edit(title("B")).wait(200).edit(title("C")).wait(200);
    expect(tab.out).toHaveLength(2);
    tab.hear(patched(1, 8, applied(start, title("A"))));
    expect(tab.last).toMatchObject({ type: "patch", version: 8, ref: 2, patch: title("C") });
  });

  it("are refused when the state would outgrow its limit, and what was there stays", () => {
    const tab = opened().edit(title("x".repeat(largestStateBytes)));
    expect(titleOf(tab.sync)).toBe("Calls");
    expect(tab.sync.notice?.kind).toBe("refused");
  });

  it("that the server refuses are rolled back, with its words", () => {
    const tab = opened().edit(title("")).wait(100);
    tab.hear({ type: "error", ref: 1, code: "INVALID", message: "A widget needs a title" });
    expect(titleOf(tab.sync)).toBe("Calls");
    expect(tab.sync.notice).toEqual({ kind: "refused", text: "A widget needs a title" });
    expect(statusOf(tab.sync)).toBe("saved");
  });
});

describe("the budget of messages", () => {
  it("C10: is stretched, so that an hour of dragging never sends more than 100 a minute", () => {
    const tab = opened();
    const sentAt: number[] = [];
    let shown: Json = start;
    for (; tab.at < 300_000; ) {
      const before = tab.out.length;
      tab.edit([{ op: "replace", path: "/widgets/w1/place/x", value: tab.at }]).wait(20);
      if (tab.out.length === before) continue;
      sentAt.push(tab.at);
      const sent = tab.last as Extract<ClientFrame, { type: "patch" }>;
      shown = applied(shown, sent.patch);
      tab.hear(patched(sent.ref, sent.version + 1, shown));
    }
    const fullest = Math.max(...sentAt.map((from) => sentAt.filter((at) => at >= from && at < from + 60_000).length));
    expect(fullest).toBeLessThanOrEqual(budgetPerMinute);
    expect(fullest).toBeGreaterThan(60);
    expect((sentAt[1] ?? 0) - (sentAt[0] ?? 0)).toBeLessThanOrEqual(120);
  });

  it("C10: waits longer the less is left", () => {
    const sends = (count: number) => Array.from({ length: count }, () => 0);
    expect([0, 50, 75, 90, 99, 100].map((count) => collectMs(sends(count), 1))).toEqual([
      100, 100, 2_400, 6_000, 60_000, 60_000,
    ]);
    expect(collectMs(sends(100), 60_000)).toBe(100);
  });

  it("C10: keeps an edit that came too early for as long as the server says", () => {
    const tab = opened().edit(title("A")).wait(100);
    tab.hear({ type: "error", ref: 1, code: "RATE_LIMITED", message: "Too many", retry_after_ms: 5_000 });
    expect(tab.wait(4_999).out).toHaveLength(2);
    expect(tab.wait(1).last).toMatchObject({ type: "patch", ref: 2, patch: title("A") });
  });
});

describe("changes of others", () => {
  const foreign = (version: number, patch: Patch, tab = "tab-b"): ServerFrame => ({
    type: "patch",
    topic,
    version,
    patch,
    tab,
  });

  it("HY9: are applied as they come, and one's own come back to nobody", () => {
    const tab = opened().hear(foreign(8, title("Theirs")));
    expect(titleOf(tab.sync)).toBe("Theirs");
    tab.edit(title("Ours")).wait(100);
    tab.hear(foreign(9, title("Ours"), "tab-a"));
    expect([titleOf(tab.sync), tab.sync.version, statusOf(tab.sync)]).toEqual(["Ours", 8, "saving"]);
    tab.hear(patched(1, 9, applied(start, title("Ours"))));
    expect([tab.sync.version, statusOf(tab.sync)]).toEqual([9, "saved"]);
  });

  it("HY10: that leave a gap make the tab ask for the whole state", () => {
    const tab = opened().hear(foreign(9, title("Theirs")));
    expect(tab.last).toEqual({ type: "subscribe", topic, since: null, tab: "tab-a" });
    expect(titleOf(tab.sync)).toBe("Calls");
    tab.hear(stateFrame(applied(start, title("Newest")), 12));
    expect([titleOf(tab.sync), tab.sync.version]).toEqual(["Newest", 12]);
  });

  it("that overtake the answer to our patch wait for it", () => {
    const tab = opened().edit(title("Ours")).wait(100);
    tab.hear(foreign(9, [{ op: "replace", path: "/layout", value: "split" }]));
    const ours = applied(start, title("Ours"));
    tab.hear(patched(1, 8, ours));
    expect(tab.sync.shown).toEqual({ ...(ours as object), layout: "split" });
    expect([tab.sync.version, statusOf(tab.sync)]).toEqual([9, "saved"]);
  });

  it("SP15: do not disturb what is being edited here unless it is the same thing", () => {
    const tab = opened()
      .edit(title("Ours"))
      .hear(foreign(8, [{ op: "replace", path: "/layout", value: "split" }]));
    expect([titleOf(tab.sync), tab.sync.notice]).toEqual(["Ours", null]);
    tab.hear(foreign(9, title("Theirs")));
    expect([titleOf(tab.sync), tab.sync.notice?.kind]).toEqual(["Theirs", "elsewhere"]);
  });
});

describe("a conflict", () => {
  const layout: Patch = [{ op: "replace", path: "/layout", value: "split" }];
  const conflict = (ref: number, version: number, state: Json): ServerFrame => ({
    type: "conflict",
    topic,
    ref,
    version,
    state,
    checksum: checksum(state),
  });

  it("C42: takes the whole state and sends our patch again on top of it, once", () => {
    const tab = opened()
      .edit(title("Ours"))
      .wait(100)
      .hear(conflict(1, 9, applied(start, layout)));
    expect(tab.last).toMatchObject({ type: "patch", version: 9, ref: 2, patch: title("Ours") });
    expect(titleOf(tab.sync)).toBe("Ours");
  });

  it("C42: a second time drops it and says so", () => {
    const tab = opened()
      .edit(title("Ours"))
      .wait(100)
      .hear(conflict(1, 9, applied(start, layout)));
    tab.hear(conflict(2, 10, applied(start, layout)));
    expect(tab.out).toHaveLength(3);
    expect([titleOf(tab.sync), tab.sync.notice?.kind, statusOf(tab.sync)]).toEqual(["Calls", "elsewhere", "saved"]);
    tab.edit(title("Again")).wait(100);
    expect(tab.last).toMatchObject({ version: 10, ref: 3 });
    expect(tab.sync.notice).toBeNull();
  });

  it("keeps what it dropped as one's own version, to be taken over", () => {
    const tab = opened()
      .edit([...title("Ours"), { op: "replace", path: "/layout", value: "split" }])
      .wait(100)
      .hear(conflict(1, 9, start));
    tab.hear(conflict(2, 10, applied(start, title("Theirs"))));
    expect([titleOf(tab.sync), statusOf(tab.sync)]).toEqual(["Theirs", "saved"]);
    expect(tab.sync.kept.map((it) => it.path).toSorted()).toEqual(["/layout", "/widgets/w1/title"]);
    tab.do({ kind: "take over" });
    expect([titleOf(tab.sync), tab.sync.kept, tab.sync.notice]).toEqual(["Ours", [], null]);
    tab.wait(100);
    expect(tab.last).toMatchObject({ type: "patch", version: 10 });
    const ours = applied(start, [...title("Ours"), { op: "replace", path: "/layout", value: "split" }]);
    tab.hear(patched(3, 11, ours));
    expect([tab.sync.shown, statusOf(tab.sync)]).toEqual([ours, "saved"]);
  });

  it("lets go of one's own version when it is discarded, or edited anew", () => {
    const pushedAside = () =>
      opened()
        .edit(title("Ours"))
        .wait(100)
        .hear(conflict(1, 8, applied(start, title("Theirs"))));
    const discarded = pushedAside().do({ kind: "discard" });
    expect([titleOf(discarded.sync), discarded.sync.kept, discarded.sync.notice]).toEqual(["Theirs", [], null]);
    const edited = pushedAside().edit(title("Better"));
    expect([titleOf(edited.sync), edited.sync.kept]).toEqual(["Better", []]);
  });

  it("keeps its own version through more conflicts and lost connections, each thing once", () => {
    const tab = opened()
      .edit(title("Ours"))
      .wait(100)
      .hear(conflict(1, 8, applied(start, title("Theirs"))));
    tab.edit(layout).wait(100);
    tab.hear({ type: "patch", topic, version: 9, patch: title("Theirs again"), tab: "tab-b" });
    tab.do({ kind: "lost" }).do({ kind: "connected" });
    tab.hear(stateFrame(applied(start, [...title("Theirs again"), ...layout]), 10));
    expect(tab.sync.kept).toEqual(title("Ours"));
    expect(titleOf(tab.sync)).toBe("Theirs again");
  });

  it("says so when what was kept has no place any more", () => {
    const tab = opened()
      .edit([...title("Ours"), ...layout])
      .wait(100)
      .hear(conflict(1, 8, start));
    const gone: Patch = [
      { op: "remove", path: "/widgets/w1" },
      { op: "replace", path: "/order", value: [] },
    ];
    tab.hear(conflict(2, 9, applied(start, gone))).do({ kind: "take over" });
    expect(tab.sync.shown).toEqual(applied(start, [...gone, ...layout]));
    expect([tab.sync.notice?.kind, tab.sync.kept]).toEqual(["refused", []]);
  });

  it("C42: never overwrites silently what somebody else wrote in the same place", () => {
    const tab = opened()
      .edit(title("Ours"))
      .wait(100)
      .hear(conflict(1, 8, applied(start, title("Theirs"))));
    expect([titleOf(tab.sync), tab.sync.notice?.kind]).toEqual(["Theirs", "elsewhere"]);
    expect(tab.out).toHaveLength(2);
  });

  it("keeps both when two people add a widget at once", () => {
    const added = (id: string, order: string[]): Patch => [
      { op: "add", path: `/widgets/${id}`, value: { id, title: id } },
      { op: "replace", path: "/order", value: order },
    ];
    const tab = opened()
      .edit(added("w2", ["w1", "w2"]))
      .wait(100);
    tab.hear(conflict(1, 8, applied(start, added("w3", ["w1", "w3"]))));
    expect(tab.sync.shown).toMatchObject({ order: ["w1", "w2", "w3"] });
    expect(tab.sync.notice).toBeNull();
  });

  it("keeps a widget that another person edited while it was removed here", () => {
    const gone: Patch = [
      { op: "remove", path: "/widgets/w1" },
      { op: "replace", path: "/order", value: [] },
    ];
    const tab = opened()
      .edit(gone)
      .wait(100)
      .hear(conflict(1, 8, applied(start, title("Theirs"))));
    expect(titleOf(tab.sync)).toBe("Theirs");
    expect(tab.sync.notice?.kind).toBe("elsewhere");
  });
});

describe("a lost connection", () => {
  it("HY11: keeps the edits, asks for the whole state on return, and sends them on top of it", () => {
    const tab = opened().edit(title("Ours")).wait(100).do({ kind: "lost" }).wait(5_000);
    tab.edit([{ op: "replace", path: "/layout", value: "split" }]);
    expect([statusOf(tab.sync), wakeAt(tab.sync)]).toEqual(["offline, unsaved", null]);
    tab.do({ kind: "connected" });
    expect(tab.last).toMatchObject({ type: "subscribe", since: null });
    tab.hear(stateFrame(start, 7));
    const both = [{ op: "replace", path: "/layout", value: "split" }, ...title("Ours")];
    expect(tab.last).toMatchObject({ type: "patch", version: 7, patch: both });
  });

  it("HY11: sends nothing twice when the patch had arrived and only its answer was lost", () => {
    const tab = opened().edit(title("Ours")).wait(100).do({ kind: "lost" }).do({ kind: "connected" });
    tab.hear(stateFrame(applied(start, title("Ours")), 8));
    expect([statusOf(tab.sync), tab.out.length]).toEqual(["saved", 3]);
  });

  it("is also assumed when no answer comes", () => {
    const tab = opened().edit(title("Ours")).wait(100);
    expect(wakeAt(tab.sync)).toBe(10_100);
    expect(tab.wait(10_000).last).toMatchObject({ type: "subscribe", since: null });
  });
});

it("a state that is refused for now is asked for again, no sooner than the server says", () => {
  const tab = new Tab("tab-a").do({ kind: "connected" });
  tab.hear({ type: "error", code: "RATE_LIMITED", message: "Too many", retry_after_ms: 3_000 });
  expect([tab.wait(2_999).out.length, wakeAt(tab.sync)]).toEqual([1, 3_000]);
  expect(tab.wait(1).out).toHaveLength(2);
  expect(statusOf(tab.hear(stateFrame(start, 7)).sync)).toBe("saved");
});

it("a state that one may not see is not asked for again until the connection is new", () => {
  const tab = new Tab("tab-a").do({ kind: "connected" });
  tab.hear({ type: "error", code: "NOT_FOUND", message: "There is no dashboard here" });
  expect([statusOf(tab.sync), tab.sync.left, wakeAt(tab.sync)]).toEqual(["left", "gone", null]);
  tab.do({ kind: "lost" }).do({ kind: "connected" });
  expect(statusOf(tab.hear(stateFrame(start, 7)).sync)).toBe("saved");
});

describe("the checksum", () => {
  it("HY10: that does not match makes the tab ask for the whole state", () => {
    const tab = opened()
      .edit(title("Ours"))
      .wait(100)
      .hear(patched(1, 8, { other: "state" }));
    expect(tab.last).toMatchObject({ type: "subscribe", since: null });
  });

  it("is no longer looked at when the two sides plainly count differently, so that nobody asks for ever", () => {
    const tab = opened().hear({ type: "state", topic, version: 8, state: start, checksum: "0000000000000000" });
    tab
      .edit(title("Ours"))
      .wait(100)
      .hear(patched(1, 9, start));
    expect(statusOf(tab.sync)).toBe("saved");
    expect(tab.out.filter((frame) => frame.type === "subscribe")).toHaveLength(1);
  });
});

it("a topic that ends says why, and takes no more edits", () => {
  const tab = opened().hear({ type: "left", topic, why: "The dashboard was deleted" }).edit(title("Late")).wait(500);
  expect([statusOf(tab.sync), tab.sync.left, titleOf(tab.sync)]).toEqual([
    "left",
    "The dashboard was deleted",
    "Calls",
  ]);
  expect(tab.out).toHaveLength(1);
});

it("a change of more operations than one patch may hold goes out in several", () => {
  const many: Patch = Array.from({ length: 250 }, (_, index) => ({ op: "add", path: `/view/v${index}`, value: index }));
  const tab = opened().edit(many).wait(100);
  const sent = tab.last as Extract<ClientFrame, { type: "patch" }>;
  expect(sent.patch).toHaveLength(200);
  tab.hear(patched(1, 8, applied(start, sent.patch)));
  expect(tab.last).toMatchObject({ type: "patch", ref: 2, version: 8 });
  expect((tab.last as typeof sent).patch).toHaveLength(50);
});
