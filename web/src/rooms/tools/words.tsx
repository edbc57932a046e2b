import type { LocalServer, Tool, ToolState } from "../../api/types";
import { Pill, type Tone } from "../../parts/words";

export const toolStates: ToolState[] = [
  "approved",
  "quarantined",
  "changed",
  "rejected",
  "disabled",
  "deprecated",
  "gone",
];

const tones: Record<ToolState, Tone> = {
  approved: "ok",
  quarantined: "warn",
  changed: "warn",
  rejected: "bad",
  disabled: "bad",
  deprecated: "plain",
  gone: "plain",
};

/** What a state means for whoever wants to call the tool. */
export const stateMeans: Record<ToolState, string> = {
  approved: "It is offered to clients and may be called.",
  quarantined: "It was never approved: clients do not see it and cannot call it.",
  changed: "Its definition is no longer the one that was approved: clients do not see it and cannot call it.",
  rejected: "Its definition was rejected: it stays held back until it changes again.",
  disabled: "Somebody disabled it: clients do not see it and cannot call it.",
  deprecated: "It still works; clients should leave it.",
  gone: "Its server no longer offered it when it was last listed.",
};

export const waits = ({ state }: Pick<Tool, "state">) => state === "quarantined" || state === "changed";

export function ToolPill({ state }: { state: ToolState }) {
  return (
    <Pill tone={tones[state] ?? "plain"} dot>
      {state}
    </Pill>
  );
}

const localTones: Record<LocalServer["state"], Tone> = {
  running: "ok",
  starting: "warn",
  stopped: "plain",
  failed: "bad",
};
export function LocalPill({ of }: { of: Pick<LocalServer, "state" | "enabled"> }) {
  return (
    <Pill tone={of.enabled ? localTones[of.state] : "plain"} dot>
      {of.enabled ? of.state : "disabled"}
    </Pill>
  );
}

export const shortPin = (pin: string) => pin.slice(0, 12);
