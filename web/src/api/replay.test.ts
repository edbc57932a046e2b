import { describe, expect, it } from "vitest";
import { replayAll } from "./replay";
import type { EventReplay, EventReplayAsk } from "./types";

const step = (events: number, next_after: number | null, dry_run = false): EventReplay => ({
  dry_run,
  events,
  replayed: dry_run ? 0 : events,
  hits: [{ consumer: "webhooks", events }],
  corrected: null,
  next_after,
  through: 9000,
});

function server(answers: EventReplay[]) {
  const asked: EventReplayAsk[] = [];
  const send = (ask: EventReplayAsk) => {
    asked.push(ask);
    return Promise.resolve(answers[Math.min(asked.length, answers.length) - 1] as EventReplay);
  };
  return { asked, send };
}

const ask: EventReplayAsk = { consumer: "webhooks", kinds: [], dry_run: false };

describe("a replay of any length", () => {
  it("goes on where each request ended, up to the end that was there at first", async () => {
    const { asked, send } = server([step(2000, 2100), step(2000, 4200), step(17, null)]);
    const heard: number[] = [];
    const all = await replayAll(ask, send, (sofar) => heard.push(sofar.replayed));
    expect(asked.map((it) => [it.after, it.through])).toEqual([
      [undefined, undefined],
      [2100, 9000],
      [4200, 9000],
    ]);
    expect(heard).toEqual([2000, 4000]);
    expect([all.events, all.replayed, all.hits]).toEqual([4017, 4017, [{ consumer: "webhooks", events: 4017 }]]);
  });

  it("waits while nothing more fits in", async () => {
    const { asked, send } = server([step(5000, 5000), step(0, 5000), step(0, 5000), step(1, null)]);
    let waits = 0;
    const all = await replayAll(ask, send, undefined, () => {
      waits += 1;
      return Promise.resolve();
    });
    expect([waits, asked.length, all.replayed]).toEqual([2, 4, 5001]);
  });

  it("ends when nothing becomes of it", async () => {
    const { asked, send } = server([step(0, 0)]);
    await expect(replayAll(ask, send, undefined, () => Promise.resolve())).rejects.toThrow("stands at position 0");
    expect(asked.length).toBeLessThan(2500);
  });
});
