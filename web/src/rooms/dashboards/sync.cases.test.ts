import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { canonical, checksum } from "./checksum";
import { applied, difference, type Json, type Patch, PatchDoesNotFit } from "./patch";
import { rebased } from "./rebase";
import { collectMs, type ServerFrame, startSync, statusOf, step } from "./sync";

/* The cases that the server's tests run against the same rules in Python. */

interface Move {
  at: number;
  do: "connected" | "lost" | "edit" | "frame" | "tick" | "dismiss";
  patch?: Patch;
  frame?: object;
  sends: object[];
}
interface Cases {
  canonical: { name: string; value: Json; text: string; checksum: string }[];
  apply: { name: string; before: Json; patch: Patch; after?: Json }[];
  difference: { name: string; before: Json; after: Json; patch: Patch }[];
  rebase: { name: string; before: Json; shown: Json; after: Json; result: Json; lost: boolean }[];
  collect: { name: string; sent: number; at: number; waits_ms: number }[];
  runs: { name: string; steps: Move[]; shown: Json; version: number; status: string; notice: string | null }[];
}

const file = new URL("../../../../tests/dashboards/sync_cases.json", import.meta.url);
const cases: Cases = JSON.parse(readFileSync(file, "utf8"));
const topic = "dashboard:dash_1";

describe("the canonical text", () => {
  it.each(cases.canonical)("$name", (given) => {
    expect(canonical(given.value)).toBe(given.text);
    expect(checksum(given.value)).toBe(given.checksum);
  });
});

describe("applying a patch", () => {
  it.each(cases.apply)("$name", ({ before, patch, after }) => {
    if (after === undefined) expect(() => applied(before, patch)).toThrow(PatchDoesNotFit);
    else expect(applied(before, patch)).toEqual(after);
  });
});

describe("the difference", () => {
  it.each(cases.difference)("$name", ({ before, after, patch }) => {
    expect(difference(before, after)).toEqual(patch);
  });
});

describe("C42: moving edits to a newer state", () => {
  it.each(cases.rebase)("$name", ({ before, shown, after, result, lost }) => {
    expect(rebased(before, shown, after)).toEqual({ shown: result, lost });
  });
});

describe("C10: collecting edits", () => {
  it.each(cases.collect)("$name", ({ sent, at, waits_ms }) => {
    expect(collectMs(Array(sent).fill(0), at)).toBe(waits_ms);
  });
});

describe("HY10, HY11: a tab through time", () => {
  it.each(cases.runs)("$name", ({ steps, shown, version, status, notice }) => {
    let sync = startSync(topic, "tab-a");
    for (const move of steps) {
      const input =
        move.do === "edit"
          ? { kind: move.do, patch: move.patch ?? [] }
          : move.do === "frame"
            ? { kind: move.do, frame: { topic, ...move.frame } as ServerFrame }
            : { kind: move.do };
      const next = step(sync, input, move.at);
      sync = next.sync;
      expect(next.out).toEqual(move.sends.map((frame) => ({ topic, ...frame })));
    }
    expect([sync.shown, sync.version, statusOf(sync), sync.notice?.kind ?? null]).toEqual([
      shown,
      version,
      status,
      notice,
    ]);
  });
});
