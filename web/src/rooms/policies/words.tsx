import type { PolicyEffect, PolicyVerdict } from "../../api/types";
import { Pill, type Tone } from "../../parts/words";

const effectTones: Record<PolicyEffect, Tone> = { allow: "ok", deny: "bad", hide: "warn" };
export const effects: { value: PolicyEffect; name: string; means: string }[] = [
  { value: "deny", name: "deny", means: "the call is refused, with the policy's name" },
  { value: "hide", name: "hide", means: "the tool is left out of lists, and calls of it find nothing" },
  { value: "allow", name: "allow", means: "allowed; what it covers and no allowing policy holds for is denied" },
];

export function EffectPill({ effect }: { effect: PolicyEffect }) {
  return <Pill tone={effectTones[effect]}>{effect}</Pill>;
}

export const verdictWords: Record<PolicyVerdict["verdict"], { text: string; tone: Tone }> = {
  allow: { text: "allowed", tone: "ok" },
  deny: { text: "denied", tone: "bad" },
  hide: { text: "hidden", tone: "bad" },
  unknown: { text: "no such tool", tone: "bad" },
  held_back: { text: "held back", tone: "warn" },
  disabled: { text: "disabled", tone: "bad" },
  bad_arguments: { text: "arguments do not fit", tone: "bad" },
};

export const holdsWords = {
  yes: { text: "holds", tone: "accent" },
  no: { text: "does not hold", tone: "plain" },
  error: { text: "failed, so it denies", tone: "bad" },
} as const;
