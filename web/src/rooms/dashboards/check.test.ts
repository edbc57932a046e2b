import { expect, it } from "vitest";
import { dataProblem } from "./check";

const schema = {
  type: "object",
  required: ["tasks"],
  additionalProperties: false,
  properties: {
    tasks: {
      type: "array",
      maxItems: 2,
      items: {
        type: "object",
        required: ["title", "status"],
        additionalProperties: false,
        properties: {
          title: { type: "string", minLength: 1, maxLength: 5 },
          status: { enum: ["todo", "done"] },
          due: { type: "string", pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description: "A day, as in 2026-11-20." },
          progress: { type: "integer", minimum: 0, maximum: 100 },
          weight: { type: "number" },
        },
      },
    },
  },
};
const task = (more: object) => ({ tasks: [{ title: "x", status: "todo", ...more }] });

it("lets pass what the schema allows", () => {
  expect(dataProblem(task({ due: "2026-11-20", progress: 4, weight: 1 }), schema)).toBeNull();
  expect(dataProblem({ tasks: [] }, schema)).toBeNull();
});

it.each([
  [{}, "It needs tasks"],
  [{ tasks: {} }, "tasks must be array"],
  [{ tasks: [1] }, "tasks[0] must be object"],
  [task({ status: "forgotten" }), "tasks[0].status is one of todo, done"],
  [task({ title: "" }), "tasks[0].title must not be empty"],
  [task({ title: "too long" }), "tasks[0].title holds at most 5 characters"],
  [task({ due: "soon" }), "tasks[0].due does not look right: A day, as in 2026-11-20."],
  [task({ progress: 1.5 }), "tasks[0].progress must be integer"],
  [task({ progress: 101 }), "tasks[0].progress is at most 100"],
  [task({ colour: "red" }), "tasks[0].colour is not known here"],
  [{ tasks: [task({}), task({}), task({})].flatMap((it) => it.tasks) }, "tasks holds at most 2"],
])("says the first thing that is wrong: %j", (value, says) => {
  expect(dataProblem(value, schema)).toBe(says);
});
