import { describe, expect, it } from "vitest";
import type { Policy } from "../../api/types";
import { blank, changesOf, check, commandOf, draftOf, lastPosition, movesFor } from "./draft";
import { examples } from "./examples";

const at = (...positions: number[]) => positions.map((position, place) => ({ id: `pol_${place}`, position }));

/** The order that comes out when the moves are saved. */
function orderAfter(policies: Pick<Policy, "id" | "position">[], place: number, by: -1 | 1): string[] {
  const moves = movesFor(policies, place, by);
  return policies
    .map((it) => moves.find((move) => move.id === it.id) ?? it)
    .sort((one, other) => one.position - other.position)
    .map((it) => it.id);
}

describe("the order of policies", () => {
  it("moves one where there is room", () => {
    expect(movesFor(at(10, 20, 30), 2, -1)).toEqual([{ id: "pol_2", position: 15 }]);
    expect(movesFor(at(10, 20, 30), 0, -1)).toEqual([]);
    expect(movesFor(at(10, 20, 30), 2, 1)).toEqual([]);
  });

  it.each([[at(10, 20, 30)], [at(100, 100, 100)], [at(0, 1, 2)], [at(5, 5, 6)]])(
    "comes out as asked: %j",
    (policies) => {
      expect(orderAfter(policies, 2, -1)).toEqual(["pol_0", "pol_2", "pol_1"]);
      expect(orderAfter(policies, 0, 1)).toEqual(["pol_1", "pol_0", "pol_2"]);
      expect(orderAfter(policies, 1, -1)).toEqual(["pol_1", "pol_0", "pol_2"]);
    },
  );

  it("puts a new one last", () => {
    expect(lastPosition([])).toBe(100);
    expect(lastPosition(at(10, 500))).toBe(510);
  });
});

describe("a policy that is written", () => {
  it.each(examples)("may be the example: $says", (example) => {
    expect(Object.values(check({ ...blank, ...example })).filter(Boolean)).toEqual([]);
  });

  it("says what is missing or wrong", () => {
    expect(Object.keys(check(blank)).filter((name) => check(blank)[name as "name"])).toEqual(["name", "expression"]);
    expect(check({ ...blank, targets: "files" }).targets).toMatch(/files is not server\/tool/);
    expect(check({ ...blank, position: "" }).position).toBeDefined();
  });

  it("sends what changed, and nothing else", () => {
    const before = { ...blank, name: "a", expression: "true" };
    expect(changesOf(before, { ...before, targets: "files/*\n*/drop_*" })).toEqual({
      targets: ["files/*", "*/drop_*"],
    });
    expect(changesOf(before, { ...before, name: "a " })).toEqual({});
  });

  it("is one line for the shell", () => {
    const draft = draftOf({ ...blank, name: "no-etc", targets: "files/*", expression: "args.path == '/etc'" });
    expect(commandOf(draft)).toBe(
      "portico policies create no-etc --effect deny --target 'files/*' --order 100 --when 'args.path == '\\''/etc'\\'''",
    );
  });
});
