import type { Policy, PolicyDraft, PolicyEffect } from "../../api/types";
import type { Problems } from "../../parts/form";

export interface PolicyValues {
  name: string;
  effect: PolicyEffect;
  expression: string;
  description: string;
  position: string;
  subjects: string[];
  targets: string;
  enabled: boolean;
}

export const blank: PolicyValues = {
  name: "",
  effect: "deny",
  expression: "",
  description: "",
  position: "100",
  subjects: [],
  targets: "",
  enabled: true,
};
export const mostCharacters = 1000;
export const mostTargets = 20;
const mostPosition = 1_000_000;

export const listOf = (text: string) => text.split(/[\s,]+/).filter(Boolean);

export function valuesOf(policy: Policy): PolicyValues {
  const { name, effect, expression, description, position, subjects, targets, enabled } = policy;
  return {
    name,
    effect,
    expression,
    description,
    position: String(position),
    subjects,
    targets: targets.join("\n"),
    enabled,
  };
}

export function check(values: PolicyValues): Problems<PolicyValues> {
  const { name, expression } = values;
  const position = Number(values.position);
  const wrongPosition = values.position.trim() === "" || !Number.isInteger(position);
  const targets = listOf(values.targets);
  const strange = targets.find((it) => !/^[a-z0-9*-]{1,63}\/.{1,200}$/.test(it));
  return {
    name: name.trim() ? undefined : "A name to find it by; those who are refused read it",
    expression: expression.trim()
      ? expression.length > mostCharacters
        ? `At most ${mostCharacters} characters`
        : undefined
      : 'When it applies, such as principal.kind == "key"',
    position: wrongPosition || position < 0 || position > mostPosition ? "A whole number from 0" : undefined,
    targets: strange
      ? `${strange} is not server/tool, such as files/* or */delete_*`
      : targets.length > mostTargets
        ? `At most ${mostTargets}`
        : undefined,
  };
}

export function draftOf(values: PolicyValues): Required<PolicyDraft> {
  return {
    name: values.name.trim(),
    effect: values.effect,
    expression: values.expression.trim(),
    description: values.description.trim(),
    position: Number(values.position),
    subjects: values.subjects,
    targets: listOf(values.targets),
    enabled: values.enabled,
  };
}

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/** Only what differs is sent, so that what somebody else changed meanwhile stays. */
export function changesOf(before: PolicyValues, after: PolicyValues): Partial<PolicyDraft> {
  const [old, now] = [draftOf(before), draftOf(after)];
  const changed = (Object.keys(now) as (keyof typeof now)[]).filter((name) => !same(old[name], now[name]));
  return Object.fromEntries(changed.map((name) => [name, now[name]]));
}

type Placed = Pick<Policy, "id" | "position">;
const gap = 10;

/**
 * The positions to change so that the policy at `place` goes up (-1) or down (1) by one. One is enough where there is room
 * between its new neighbours; else all that stand too close are given new ones.
 */
export function movesFor(policies: Placed[], place: number, by: -1 | 1): Placed[] {
  const moved = policies[place];
  if (!moved || place + by < 0 || place + by >= policies.length) return [];
  const order = [...policies];
  order.splice(place + by, 0, ...order.splice(place, 1));
  const before = order[place + by - 1]?.position ?? -1;
  const after = order[place + by + 1]?.position ?? before + 2 * gap;
  if (after - before > 1) return [{ id: moved.id, position: Math.floor((before + after) / 2) }];
  return order
    .map(({ id }, index) => ({ id, position: (index + 1) * gap }))
    .filter(({ id, position }) => policies.find((it) => it.id === id)?.position !== position);
}

/** After all that are there. */
export const lastPosition = (policies: Placed[]) => Math.max(90, ...policies.map((it) => it.position)) + gap;

const quoted = (text: string) => (/^[\w.:/@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

export function commandOf(draft: Required<PolicyDraft>): string {
  return [
    `portico policies create ${quoted(draft.name || "NAME")} --effect ${draft.effect}`,
    ...draft.targets.map((target) => `--target ${quoted(target)}`),
    ...draft.subjects.map((subject) => `--subject ${subject}`),
    `--order ${draft.position}`,
    `--when ${quoted(draft.expression || "EXPRESSION")}`,
  ].join(" ");
}

export function simulateCommandOf(who: string, server: string, tool: string, args: string): string {
  return `portico policies simulate ${who || "PRINCIPAL"} ${server || "SERVER"}/${tool || "TOOL"} --args ${quoted(args)}`;
}
