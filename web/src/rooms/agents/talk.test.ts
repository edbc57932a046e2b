import { describe, expect, it } from "vitest";
import type { Told } from "../../api/a2a";
import { add, canCancel, contentOf, goingOn, nothingYet, textOf } from "./talk";

const state = (word: string, text?: string) => ({
  state: `TASK_STATE_${word}`,
  ...(text && { message: { parts: [{ text }] } }),
});
const heard = (...told: Told[]) => told.reduce((before, each, place) => add(before, each, place * 10), nothingYet);
const begun: Told = { task: { id: "t-1", contextId: "c-1", status: state("SUBMITTED") } };

describe("an exchange with an agent", () => {
  it("is told line by line, in order", () => {
    const { lines, task } = heard(
      begun,
      { statusUpdate: { taskId: "t-1", status: state("WORKING") } },
      { artifactUpdate: { taskId: "t-1", artifact: { parts: [{ text: "found" }] } } },
      { statusUpdate: { taskId: "t-1", status: state("COMPLETED") } },
    );
    expect(lines.map(({ kind, text, afterMs }) => [kind, text, afterMs])).toEqual([
      ["task", "", 0],
      ["state", "", 10],
      ["artifact", "found", 20],
      ["state", "", 30],
    ]);
    expect(task).toEqual({ id: "t-1", contextId: "c-1", state: "TASK_STATE_COMPLETED" });
    expect(new Set(lines.map((line) => line.id)).size).toBe(4);
  });

  it("takes a whole task with its artifacts, as an agent that does not stream gives it", () => {
    const whole = heard({
      task: { id: "t-2", status: state("COMPLETED", "done"), artifacts: [{ parts: [{ text: "a" }] }] },
    });
    expect(whole.lines.map(({ kind, text }) => [kind, text])).toEqual([
      ["task", "done"],
      ["artifact", "a"],
    ]);
  });

  it("puts the pieces of one artifact together", () => {
    const piece = (artifactId: string, text: string, append = true): Told => ({
      artifactUpdate: { taskId: "t-1", append, artifact: { artifactId, name: "out", parts: [{ text }] } },
    });
    const { lines } = heard(begun, piece("a", "one", false), piece("a", " two"), piece("b", "three"));
    expect(lines.slice(1).map(({ name, text }) => [name, text])).toEqual([
      ["out", "one two"],
      ["out", "three"],
    ]);
  });

  it("goes on with the task while that waits for an answer, else only with the conversation", () => {
    const asked = heard(begun, { statusUpdate: { taskId: "t-1", status: state("INPUT_REQUIRED", "which?") } });
    expect(goingOn(asked)).toEqual({ taskId: "t-1", contextId: "c-1" });
    expect(goingOn(heard(begun, { statusUpdate: { taskId: "t-1", status: state("COMPLETED") } }))).toEqual({
      contextId: "c-1",
    });
    expect(goingOn(heard({ message: { parts: [{ text: "hello" }], contextId: "c-2" } }))).toEqual({ contextId: "c-2" });
    expect(goingOn(nothingYet)).toEqual({});
  });

  it("can be cancelled from its task until its end", () => {
    expect(canCancel(nothingYet)).toBe(false);
    expect(canCancel(heard(begun))).toBe(true);
    expect(canCancel(heard(begun, { statusUpdate: { taskId: "t-1", status: state("CANCELED") } }))).toBe(false);
  });

  it("passes over what it does not know", () => {
    expect(heard({} as Told)).toEqual(nothingYet);
    expect(contentOf({ artifacts: "none", history: null })).toEqual({ artifacts: [], history: [], status: {} });
  });

  it("shows each kind of part as text", () => {
    const parts = [{ text: "a" }, { url: "http://files.example/a" }, { data: 7 }, { raw: "AAEC", filename: "dot.png" }];
    expect(textOf(parts)).toBe("a\nhttp://files.example/a\n7\n(a file: dot.png)");
    expect(textOf(undefined)).toBe("");
  });
});
