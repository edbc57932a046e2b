import type { AgentHealth, Mesh } from "../../api/types";
import { Pill, Tag, type Tone } from "../../parts/words";
import { stateWord } from "./states";

const healthTones: Record<AgentHealth, Tone> = { healthy: "ok", unknown: "plain", unhealthy: "warn", dead: "bad" };

export function HealthPill({ of }: { of: AgentHealth }) {
  return (
    <Pill tone={healthTones[of] ?? "plain"} dot>
      {of === "unknown" ? "not asked yet" : of}
    </Pill>
  );
}

const meshTones: Record<Mesh["status"], Tone> = { healthy: "ok", degraded: "warn", unhealthy: "bad", empty: "plain" };

export function MeshPill({ of }: { of: Mesh["status"] }) {
  return (
    <Pill tone={meshTones[of] ?? "plain"} dot>
      {of}
    </Pill>
  );
}

const stateTones: Record<string, Tone> = {
  submitted: "plain",
  working: "accent",
  completed: "ok",
  failed: "bad",
  rejected: "bad",
  canceled: "warn",
  "input required": "warn",
  "sign-in required": "warn",
};

export function StatePill({ of }: { of: string | undefined }) {
  const word = stateWord(of);
  return <Pill tone={stateTones[word] ?? "plain"}>{word}</Pill>;
}

/** The first few, and how many more there are. */
export function Tags({
  of,
  most = Number.POSITIVE_INFINITY,
  none = "none",
}: {
  of: string[];
  most?: number;
  none?: string;
}) {
  const more = of.length - most;
  if (of.length === 0) return <span className="dim">{none}</span>;
  return (
    <span className="row" style={{ gap: 4 }}>
      {of.slice(0, most).map((word) => (
        <Tag key={word}>{word}</Tag>
      ))}
      {more > 0 && <span className="dim">and {more} more</span>}
    </span>
  );
}
