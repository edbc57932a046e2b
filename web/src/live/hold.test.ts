import { expect, it } from "vitest";
import { heldRows } from "./hold";

const rows = (...ids: string[]) => ids.map((id) => ({ id }));

it("puts nothing on top of a held list and lets it grow below", () => {
  expect(heldRows(rows("d", "c", "b", "a"), rows("b", "a"))).toEqual(rows("b", "a"));
  expect(heldRows(rows("c", "b", "a", "older"), rows("b", "a"))).toEqual(rows("b", "a", "older"));
});

it("keeps a held list whose rows are long gone from the tail", () => {
  expect(heldRows(rows("z", "y"), rows("b", "a"))).toEqual(rows("b", "a"));
});
