import type { ModelPrefer, ModelRoute, ModelRouteDraft } from "../../api/types";
import type { Problems } from "../../parts/form";

export interface RuleValues {
  /** Tells rules apart while their names are still being typed. */
  key: number;
  name: string;
  targets: string[];
  fallbacks: string[];
  tasks: string;
  min_tokens: string;
  max_tokens: string;
  needs: string[];
  max_cost: string;
  max_latency_ms: string;
  prefer: ModelPrefer | "";
}

export interface RouteValues {
  name: string;
  description: string;
  prefer: ModelPrefer;
  everywhere: boolean;
  enabled: boolean;
  rules: RuleValues[];
}

export const blankRule = (key: number): RuleValues => ({
  key,
  name: key === 0 ? "every call" : `rule ${key + 1}`,
  targets: [],
  fallbacks: [],
  tasks: "",
  min_tokens: "",
  max_tokens: "",
  needs: [],
  max_cost: "",
  max_latency_ms: "",
  prefer: "",
});

export const blank: RouteValues = {
  name: "",
  description: "",
  prefer: "order",
  everywhere: true,
  enabled: true,
  rules: [blankRule(0)],
};

const text = (value: number | null) => (value === null ? "" : String(value));

export function valuesOf(route: ModelRoute): RouteValues {
  return {
    name: route.name,
    description: route.description,
    prefer: route.prefer,
    everywhere: route.scope === null,
    enabled: route.enabled,
    rules: route.rules.map((rule, key) => ({
      key,
      name: rule.name,
      targets: rule.targets,
      fallbacks: rule.fallbacks,
      tasks: rule.tasks.join(", "),
      min_tokens: text(rule.min_tokens),
      max_tokens: text(rule.max_tokens),
      needs: rule.needs,
      max_cost: rule.max_cost_microusd === null ? "" : String(rule.max_cost_microusd / 1_000_000),
      max_latency_ms: text(rule.max_latency_ms),
      prefer: rule.prefer ?? "",
    })),
  };
}

const whole = (value: string) => value === "" || /^\d+$/.test(value);

export function ruleProblem(rule: RuleValues): string | undefined {
  if (!rule.name.trim()) return "Give the rule a name";
  if (rule.targets.length === 0) return "Choose at least one model";
  if (rule.targets.some((model) => rule.fallbacks.includes(model)))
    return "A model is either chosen from or a fallback";
  if (![rule.min_tokens, rule.max_tokens, rule.max_latency_ms].every(whole)) return "Tokens and ms are whole numbers";
  if (rule.max_cost !== "" && !(Number(rule.max_cost) >= 0)) return "The most it may cost is an amount of dollars";
  return undefined;
}

export function check(values: RouteValues): Problems<RouteValues> {
  const names = values.rules.map((rule) => rule.name.trim());
  return {
    name: /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$/.test(values.name)
      ? undefined
      : "A name such as auto or fast-and-cheap",
    rules:
      values.rules.map(ruleProblem).find(Boolean) ??
      (new Set(names).size < names.length ? "Two rules have the same name" : undefined),
  };
}

const number = (value: string) => (value === "" ? null : Number(value));

export function rulesOf(values: RouteValues): ModelRouteDraft["rules"] {
  return values.rules.map((rule) => ({
    name: rule.name.trim(),
    targets: rule.targets,
    fallbacks: rule.fallbacks,
    tasks: rule.tasks
      .split(/[\s,]+/)
      .map((task) => task.trim())
      .filter(Boolean),
    min_tokens: number(rule.min_tokens),
    max_tokens: number(rule.max_tokens),
    needs: rule.needs as NonNullable<ModelRouteDraft["rules"][number]["needs"]>,
    max_cost_microusd: rule.max_cost === "" ? null : Math.round(Number(rule.max_cost) * 1_000_000),
    max_latency_ms: number(rule.max_latency_ms),
    prefer: rule.prefer || null,
  }));
}

export function draftOf(values: RouteValues, scope: string): ModelRouteDraft {
  return {
    name: values.name,
    description: values.description.trim(),
    prefer: values.prefer,
    scope: values.everywhere ? null : scope,
    enabled: values.enabled,
    rules: rulesOf(values),
  };
}
