import { expect, it } from "vitest";
import { labelOf, optionFields, optionsFrom, textsOf } from "./option-fields";

const schema = {
  type: "object",
  properties: {
    service: { type: "string", description: "The name of a service." },
    services: { type: "array", items: { type: "string" }, description: "Which services." },
    p95_target_ms: { type: "number", minimum: 1, default: 2000, description: "What calls should stay below." },
    only_troubled: { type: "boolean", default: false },
  },
};

it("names fields for people", () => {
  expect(["p95_target_ms", "success_target_percent", "only_troubled", "top", "as_of"].map(labelOf)).toEqual([
    "P95 target, ms",
    "Success target, %",
    "Only troubled",
    "Top",
    "As of",
  ]);
});

it("goes from options to texts and back without a change", () => {
  const fields = optionFields(schema, ["inventory"]);
  const options = { service: "inventory", services: ["a", "b"], p95_target_ms: 250.5, only_troubled: true };
  expect(optionsFrom(fields, textsOf(fields, options))).toEqual(options);
  expect(optionsFrom(fields, textsOf(fields, {}))).toEqual({});
  expect(optionsFrom(fields, { Services: " a ,, b " })).toEqual({ services: ["a", "b"] });
});

it("offers the services there are, and says what holds otherwise", () => {
  const [service, services, target] = optionFields(schema, ["inventory", "summariser"]);
  expect(service?.choices).toEqual(["inventory", "summariser"]);
  expect(services?.description).toBe("Which services. Names with commas between them.");
  expect(target?.description).toBe("What calls should stay below. 2000 when left out.");
});
