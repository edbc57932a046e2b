import type { EventType } from "../../api/types";
import { bare, fitsKind, type KindGroup } from "../events/kinds";

/* What is chosen is a list of patterns: `*`, `service.*`, `service.created`. */

export const whole = (group: KindGroup) => `${group.noun}.*`;
const inGroup = (group: KindGroup) => (pattern: string) => pattern.startsWith(`${group.noun}.`);

export const covers = (patterns: string[], kind: string) => patterns.some((pattern) => fitsKind(pattern, kind));

export function chosenIn(patterns: string[], group: KindGroup): number {
  return group.types.filter((type) => covers(patterns, type.kind)).length;
}

/** All or nothing of a group, as one pattern that also holds for kinds that come later. */
export function withGroup(patterns: string[], group: KindGroup, on: boolean): string[] {
  const others = patterns.filter((pattern) => !inGroup(group)(pattern));
  return on ? [...others, whole(group)] : others;
}

/** One kind more or less; taking one out of a whole group names the rest of it. */
export function withKind(patterns: string[], group: KindGroup, type: EventType, on: boolean): string[] {
  const name = bare(type.kind);
  if (on) return [...patterns.filter((pattern) => pattern !== name), name];
  const stays = group.types.map((it) => bare(it.kind)).filter((it) => it !== name && covers(patterns, it));
  return [...patterns.filter((pattern) => !inGroup(group)(pattern)), ...new Set(stays)];
}

/** Patterns that no group of the catalogue accounts for, such as kinds of outside systems not seen yet. */
export function strangers(patterns: string[], groups: KindGroup[]): string[] {
  return patterns.filter((pattern) => {
    const group = groups.find((it) => inGroup(it)(pattern));
    return (
      pattern !== "*" && pattern !== (group && whole(group)) && !group?.types.some((it) => fitsKind(pattern, it.kind))
    );
  });
}
