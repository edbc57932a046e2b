import { expect, test } from "vitest";
import type { ModelRoute } from "../../api/types";
import { blank, blankRule, check, draftOf, ruleProblem, rulesOf, valuesOf } from "./draft";

const route: ModelRoute = {
  id: "mrt_1",
  name: "auto",
  description: "whatever fits",
  scope: null,
  prefer: "cost",
  enabled: true,
  created_at: "2026-11-20T00:00:00Z",
  updated_at: "2026-11-20T00:00:00Z",
  rules: [
    {
      name: "code",
      targets: ["big", "small"],
      fallbacks: ["last"],
      tasks: ["code", "review"],
      min_tokens: 0,
      max_tokens: 4000,
      needs: ["tools"],
      max_cost_microusd: 20_000,
      max_latency_ms: null,
      prefer: null,
    },
  ],
};

test("a route becomes a form and the same route again", () => {
  const values = valuesOf(route);
  expect(rulesOf(values)).toEqual(route.rules);
  expect(draftOf(values, "ENTERPRISE")).toMatchObject({ name: "auto", scope: null, prefer: "cost" });
  expect(draftOf({ ...values, everywhere: false }, "ENTERPRISE").scope).toBe("ENTERPRISE");
  expect(Object.values(check(values)).filter(Boolean)).toEqual([]);
});

test("what is missing is said", () => {
  expect(check(blank)).toEqual({ name: "A name such as auto or fast-and-cheap", rules: "Choose at least one model" });
  const rule = { ...blankRule(1), targets: ["big"] };
  expect(ruleProblem(rule)).toBeUndefined();
  expect(ruleProblem({ ...rule, fallbacks: ["big"] })).toBe("A model is either chosen from or a fallback");
  expect(ruleProblem({ ...rule, max_tokens: "many" })).toBe("Tokens and ms are whole numbers");
  expect(ruleProblem({ ...rule, max_cost: "-1" })).toBe("The most it may cost is an amount of dollars");
  expect(ruleProblem({ ...rule, name: " " })).toBe("Give the rule a name");
  expect(check({ ...blank, name: "auto", rules: [rule, rule] }).rules).toBe("Two rules have the same name");
});

test("tasks may be set apart by commas or spaces", () => {
  const rule = { ...blankRule(0), targets: ["big"], tasks: " code,review  plan " };
  expect(rulesOf({ ...blank, rules: [rule] })[0]?.tasks).toEqual(["code", "review", "plan"]);
});
