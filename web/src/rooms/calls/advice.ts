import type { Call } from "../../api/types";
import { curlOf } from "../services/request";

const permission = "The key or person lacks a permission. Give it under Keys, Members, or as a grant on the service.";
const steps: Record<string, string> = {
  RATE_LIMITED: "Wait for the time in Retry-After, or raise the limit under Budgets and limits.",
  BUDGET_EXHAUSTED: "Wait until the budget resets, or raise it under Budgets and limits.",
  BREAKER_OPEN:
    "The endpoint failed too often and rests. Look at the service; the breaker probes by itself, or reset it there.",
  NOT_AUTHORIZED: permission,
  SERVICE_NOT_ALLOWED: "Add the service to those the key may call, under Keys.",
  ROLE_REQUIRED: permission,
  ORG_SUSPENDED: "Ask the operator of this installation to resume the org.",
  MISSING_CREDENTIALS: "Send the key in the header Authorization: Bearer.",
  BAD_KEY: "Check the key the client sends; make a new one under Keys if it was revoked.",
  EXPIRED: "Rotate the key under Keys, or sign in again.",
  NOT_FOUND: "No such service is visible in this org and scope. Check the name and the scope of the key.",
  ROUTE_NOT_FOUND: "No such service is visible in this org and scope. Check the name and the scope of the key.",
  BAD_VERSION: "Ask for a version that is active; the service's page lists them.",
  NO_ENDPOINT: "Give the service an endpoint that is healthy and has a weight above zero.",
  TOO_MANY_WAITING: "Send fewer calls at once, or give the service more endpoints.",
  EGRESS_REFUSED: "The address of the endpoint is not allowed. Choose another, or allow it in the settings.",
  UPSTREAM_TIMEOUT: "The service did not answer in time. Look at its health, or allow it more time.",
  UPSTREAM_UNREACHABLE: "Check that the service runs and that Portico can reach its address.",
  UPSTREAM_BROKEN: "The service broke off or answered something that is not HTTP. Look at its own log.",
};

/** What somebody can do about a verdict. */
export function adviceFor(call: Call): string | null {
  if (call.verdict === "allowed") return null;
  if (call.verdict === "cancelled") return "The caller went away before the answer was complete. Nothing to do here.";
  const known = call.reason ? steps[call.reason.name] : undefined;
  if (known) return known;
  if (call.status >= 500)
    return "The service answered with an error of its own. Look at its endpoints and their health.";
  if (call.status === 401 || call.status === 403)
    return "Check the credential: the caller's key, or the secret Portico hands to the service.";
  return null;
}

type Sent = Pick<Call, "method" | "path" | "model" | "dialect" | "streamed">;

/** The same call from a shell. Its body is not kept, so what must be filled in again shows as "…". */
export function asCurl(call: Sent, base: string): string {
  // A message of MCP is recorded under its own method; they all travel as POST.
  const method = call.dialect === "mcp" && !["GET", "DELETE"].includes(call.method) ? "POST" : call.method;
  return curlOf({ method, path: call.path, body: bodyOf(call) }, base);
}

function bodyOf({ method, path, model, dialect, streamed }: Sent): string | null {
  if (dialect !== "openai" || method !== "POST" || !model) return null;
  if (path.startsWith("/v1/embeddings")) return JSON.stringify({ model, input: "…" });
  const chat = { model, messages: [{ role: "user", content: "…" }] };
  return JSON.stringify(streamed ? { ...chat, stream: true } : chat);
}
