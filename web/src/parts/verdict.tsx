import Tooltip from "@mui/material/Tooltip";
import type { BreakerState, Call, ServiceStatus, Verdict } from "../api/types";
import { Pill, type Tone } from "./words";

/** The words and colours of states, here and nowhere else. */

const refusals: Record<string, string> = {
  RATE_LIMITED: "rate limited",
  BUDGET_EXHAUSTED: "budget exhausted",
  BREAKER_OPEN: "breaker open",
  NOT_AUTHORIZED: "not permitted",
  SERVICE_NOT_ALLOWED: "not permitted",
  ROLE_REQUIRED: "not permitted",
  ORG_SUSPENDED: "org suspended",
  MISSING_CREDENTIALS: "not signed in",
  BAD_KEY: "bad key",
  EXPIRED: "key expired",
  NOT_FOUND: "no such service",
  ROUTE_NOT_FOUND: "no such service",
  BAD_VERSION: "no such version",
  NO_ENDPOINT: "no endpoint",
  TOO_MANY_WAITING: "too many waiting",
  TOO_LARGE: "too large",
  EGRESS_REFUSED: "address not allowed",
  NOT_READY: "not ready",
  RECORD_UNAVAILABLE: "no record possible",
  UPSTREAM_TIMEOUT: "timed out",
  UPSTREAM_UNREACHABLE: "unreachable",
  UPSTREAM_BROKEN: "broken answer",
};

export const verdictTone: Record<Verdict, Tone> = { allowed: "ok", refused: "bad", failed: "bad", cancelled: "warn" };

export function verdictWords(call: Pick<Call, "verdict" | "reason" | "attempts" | "status">): {
  text: string;
  tone: Tone;
} {
  const tone = verdictTone[call.verdict];
  if (call.verdict === "allowed") {
    return call.attempts > 1 ? { text: `retried ${call.attempts - 1}×`, tone } : { text: "allowed", tone };
  }
  const known = call.reason ? refusals[call.reason.name] : undefined;
  if (call.verdict === "refused") return { text: known ?? "refused", tone };
  if (call.verdict === "failed") return { text: known ?? (call.status ? `failed ${call.status}` : "failed"), tone };
  return { text: "cancelled", tone };
}

export function VerdictPill({ call }: { call: Pick<Call, "verdict" | "reason" | "attempts" | "status"> }) {
  const { text, tone } = verdictWords(call);
  const pill = <Pill tone={tone}>{text}</Pill>;
  if (!call.reason) return pill;
  return (
    <Tooltip title={call.reason.message}>
      <span>{pill}</span>
    </Tooltip>
  );
}

const serviceTones: Record<ServiceStatus, Tone> = {
  healthy: "ok",
  degraded: "warn",
  unhealthy: "bad",
  unknown: "plain",
};
export function StatusPill({ status }: { status: ServiceStatus }) {
  return (
    <Pill tone={serviceTones[status] ?? "plain"} dot>
      {status}
    </Pill>
  );
}

const breakerWords: Record<BreakerState, { text: string; tone: Tone }> = {
  closed: { text: "breaker closed", tone: "ok" },
  open: { text: "breaker open", tone: "bad" },
  half_open: { text: "breaker probing", tone: "warn" },
  recovering: { text: "breaker recovering", tone: "warn" },
};
export function BreakerPill({ state }: { state: BreakerState }) {
  // A state this client does not know yet is shown by its name.
  const words = breakerWords[state] ?? { text: `breaker ${state}`, tone: "plain" as const };
  return <Pill tone={words.tone}>{words.text}</Pill>;
}
