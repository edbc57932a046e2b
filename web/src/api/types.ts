/**
 * Names for the shapes of the HTTP contract. They are those of `schema.ts`, which is made from the server's OpenAPI
 * document (`make generate`); only what the document cannot say is written here: JSON schemas and the socket's frames.
 */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Page<T> = Omit<Schemas["CallList"], "items"> & { items: T[] };
export type ErrorEnvelope = Schemas["Error"];
export type FieldError = Schemas["FieldError"];

export type Me = Schemas["Me"];
export type OrgChoice = Schemas["OrgOfMine"];
export type Permission = Me["permissions"][number];
export type Role = Schemas["Member"]["role"];
export type SignedIn = Schemas["SignedIn"];
export type Ticket = Schemas["Ticket"];

/** The token is there only in the answer that founds an org. */
export type Org = Schemas["Org"] & Partial<Pick<Schemas["Founded"], "invitation_token">>;
export type Scope = Schemas["Scope"];
export type Member = Schemas["Member"];
/** The token is there only in the answer that makes an invitation. */
export type Invitation = Schemas["Invitation"] & Partial<Pick<Schemas["NewInvitation"], "token">>;
export type Grant = Schemas["Grant"];
export type GrantDraft = Schemas["GrantAsk"];

export type Key = Schemas["Key"];
export type KeyWithSecret = Schemas["NewKey"];
export type KeyDraft = Schemas["KeyAsk"];

export interface JsonSchema {
  type?: string | string[];
  title?: string;
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  enum?: (string | number | boolean | null)[];
  default?: unknown;
  items?: JsonSchema;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
}

export type ServiceMethod = Omit<Schemas["Method"], "parameters"> & { parameters: JsonSchema };
export type Service = Omit<Schemas["Service"], "methods"> & { methods: ServiceMethod[] };
export type ServiceDraft = Omit<Schemas["ServiceAsk"], "methods"> & { methods?: ServiceMethod[] };
export type ServiceMatch = Omit<Schemas["ServiceMatch"], "service"> & { service: Service };
export type ServiceKind = Service["kind"];
export type ServiceStatus = Service["status"];
export type ServiceVersion = Schemas["Version"];
export type Endpoint = Schemas["Endpoint"];
export type Breaker = Schemas["Breaker"];
export type BreakerState = Breaker["state"];
export type Price = Schemas["Price"];
export type Credential = Schemas["Credential"];

export type Call = Schemas["Call"];
export type CallDetail = Schemas["CallDetail"];
export type Stage = Schemas["Stage"];
export type Verdict = Call["verdict"];
export type UsageRow = Schemas["UsageGroup"];
export type Series = Schemas["Series"];
export type SeriesPoint = Schemas["SeriesPoint"];
export type Overview = Schemas["Overview"];
export type Attention = Schemas["Attention"];

export type Model = Schemas["Model"];
export type ModelMatrixRow = Schemas["ModelMatrix"];
export type ModelMeasures = Schemas["ModelMeasures"];
export type ModelChanges = Schemas["ModelPatch"];
export type ModelConnection = Schemas["ModelConnection"];
export type ModelRoute = Schemas["ModelRoute"];
export type ModelRouteDraft = Schemas["ModelRouteAsk"];
export type ModelRouteChanges = Schemas["ModelRoutePatch"];
export type ModelChooseAsk = Schemas["ModelChooseAsk"];
export type ModelChoice = Schemas["ModelChoice"];
export type ModelPrefer = ModelRoute["prefer"];

export type Agent = Schemas["Agent"];
export type AgentCard = Schemas["AgentCard"];
export type AgentDraft = Schemas["AgentAsk"];
export type AgentHealth = Agent["health"]["status"];
export type AgentSkill = Schemas["Skill"];
export type AgentTask = Schemas["AgentTask"];
export type AgentTaskDetail = Schemas["AgentTaskDetail"];
export type DiscoveredAgent = Schemas["Discovered"];
export type Mesh = Schemas["Mesh"];
export type MeshAgent = Schemas["MeshAgent"];
export type RouteTaskAsk = Schemas["RouteTaskAsk"];
export type RoutedTask = Schemas["RoutedTask"];

export type Budget = Schemas["Budget"];
export type BudgetDraft = Schemas["BudgetAsk"];
export type Measure = Budget["measure"];
export type Limit = Schemas["Limit"];
export type LimitDraft = Schemas["LimitAsk"];

export type Secret = Schemas["Secret"];
export type Actor = Schemas["Actor"];
export type OrgEvent = Schemas["Event"];
export type EventCategory = OrgEvent["category"];
export type EventType = Omit<Schemas["EventType"], "schema"> & { schema: JsonSchema };
export type EventConsumer = Schemas["Consumer"];
export type DeadLetter = Schemas["DeadLetter"];
/** A file of events that have left the log; the positions are those of all scopes of the org. */
export interface EventArchive {
  id: string;
  day: string;
  first_seq: number;
  last_seq: number;
  bytes: number;
}
export type EventReplay = Schemas["EventReplay"] & { next_after: number | null; through: number | null };
export type EventReplayAsk = Schemas["EventReplayAsk"] & { after?: number; through?: number | null };
export type Webhook = Schemas["Webhook"];
export type WebhookWithSecret = Schemas["WebhookSecret"];
export type WebhookDraft = Schemas["WebhookAsk"];
export type WebhookChanges = Schemas["WebhookPatch"];
export type WebhookTest = Schemas["WebhookTest"];
export type WebhookReplay = Schemas["WebhookReplay"];
export type WebhookReplayAsk = Schemas["WebhookReplayAsk"];
export type Delivery = Schemas["Delivery"];
export type DeliveryState = Delivery["state"];
export type DeliveryDetail = Schemas["DeliveryDetail"];
export type DeliveryAttempt = Schemas["Attempt"];
export type Tool = Schemas["Tool"];
export type ToolState = Tool["state"];
export type ToolDetail = Schemas["ToolDetail"];
export type ToolVersion = Schemas["ToolVersion"];
export type ToolDiffLine = Schemas["DiffLine"];
export type ToolServerMeter = Schemas["ToolServerMeter"];
export type ToolTerms = Schemas["ToolTerms"];
export type ToolChanges = Schemas["ToolPatch"];
export type ToolsRefreshed = Schemas["Refreshed"];
export type ToolInvocation = Schemas["Invocation"];
export type LocalServer = Schemas["LocalServer"];
export type LocalServerDraft = Schemas["LocalServerAsk"];
export type LocalServerLog = Schemas["LocalServerLog"];
export type Policy = Schemas["Policy"];
export type PolicyEffect = Policy["effect"];
export type PolicyDetail = Schemas["PolicyDetail"];
export type PolicyDraft = Schemas["PolicyAsk"];
export type PolicyChanges = Schemas["PolicyPatch"];
export type PolicyQuestion = Schemas["SimulateAsk"];
export type PolicyVerdict = Schemas["Verdict"];
export type CheckedExpression = Schemas["CheckedExpression"];
export type Notice = Schemas["Notice"];
export type NoticeCount = Schemas["NoticeCount"];
export type AuditEntry = Schemas["AuditEntry"];
export type AuditProof = Schemas["AuditProof"];
export type Setting = Schemas["Setting"];
export type Status = Schemas["Status"];
export type GatewayState = Schemas["Gateway"];

/* The socket. */

export type Topic = "calls" | "events" | "stats" | "breakers" | "notices";

export interface LiveStats {
  calls_per_second: number;
  failed_per_second: number;
  refused_per_second: number;
  added_p95_us: number | null;
  cost_today_microusd: number;
  at: string;
}

export interface LiveBreaker extends Breaker {
  service: string;
  endpoint_id: string;
}

export type Frame =
  | { type: "hello"; org_id: string; scope: string; heartbeat_s: number }
  | { type: "snapshot" | "append"; topic: "calls"; cursor: number; items: Call[] }
  | { type: "snapshot" | "append"; topic: "events"; cursor: number; items: OrgEvent[] }
  | { type: "value"; topic: "stats"; value: LiveStats }
  | { type: "value"; topic: "breakers"; value: LiveBreaker[] }
  | { type: "value"; topic: "notices"; value: { unread: number } }
  | { type: "resync"; topic: Topic }
  | { type: "left"; topic: Topic; why: "forbidden" | "gone" }
  | { type: "ping" | "pong" }
  | { type: "error"; code: string; message: string; topic?: Topic; ref?: number; retry_after_ms?: number };
