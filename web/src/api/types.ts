/** The shapes of the HTTP contract, version 1. Times are RFC 3339, money is integer micro-dollars, durations are integer micro- or milliseconds by suffix. */

export interface Page<T> {
  items: T[];
  pagination: { page: number; page_size: number; total: number | null; cursors: { next: string | null } };
}

export interface FieldError {
  field: string;
  message: string;
}

export interface ErrorEnvelope {
  code: string;
  message: string;
  correlation_id: string;
  error: {
    code: string;
    message: string;
    details: string | null;
    timestamp: string;
    path: string;
    trace_id: string | null;
    fields?: FieldError[] | null;
    retry_after_s?: number | null;
  };
}

export type Role = "admin" | "developer" | "operator" | "viewer";

export type Permission =
  | "orgs.manage"
  | "members.read"
  | "members.manage"
  | "keys.read"
  | "keys.manage"
  | "services.read"
  | "services.manage"
  | "services.call"
  | "calls.read"
  | "budgets.read"
  | "budgets.manage"
  | "limits.read"
  | "limits.manage"
  | "secrets.read"
  | "secrets.manage"
  | "events.read"
  | "audit.read"
  | "settings.read"
  | "settings.manage";

export interface OrgChoice {
  id: string;
  name: string;
  slug: string;
  role: Role;
  is_owner: boolean;
  scopes: string[];
}

export interface Me {
  person: { id: string; email: string; name: string; is_superadmin: boolean } | null;
  key: { id: string; name: string } | null;
  org: { id: string; name: string; slug: string } | null;
  scope: string;
  role: Role | null;
  is_owner: boolean;
  permissions: Permission[];
  orgs: OrgChoice[];
}

export interface SignedIn {
  access_token: string;
  expires_in_s: number;
  me: Me;
}

export interface Ticket {
  ticket: string;
  expires_at: string;
}

export interface Org {
  id: string;
  name: string;
  slug: string;
  status: "active" | "suspended" | "deleted";
  created_at: string;
  member_count: number;
  invitation_token?: string | null;
}

export interface Scope {
  name: string;
  description: string;
  created_at: string;
}

export interface Member {
  person_id: string;
  email: string;
  name: string;
  role: Role;
  is_owner: boolean;
  joined_at: string;
  last_seen_at: string | null;
  scopes: string[] | null;
}

export interface Invitation {
  id: string;
  email: string;
  role: Role;
  created_at: string;
  expires_at: string;
  status: "pending" | "accepted" | "expired" | "revoked";
  invited_by: string | null;
  token?: string | null;
}

export interface Grant {
  id: string;
  principal: { kind: "person" | "key"; id: string; name: string };
  resource_kind: "service";
  resource_id: string;
  permission: string;
  created_at: string;
}

export interface GrantDraft {
  principal_kind: "person" | "key";
  principal_id: string;
  resource_kind: "service";
  resource_id: string;
  permission: string;
}

export interface Key {
  id: string;
  name: string;
  prefix: string;
  scope: string;
  permissions: string[];
  services: string[] | null;
  rate_limit_per_minute: number | null;
  status: "active" | "expired" | "revoked";
  created_at: string;
  created_by: string | null;
  expires_at: string | null;
  last_used_at: string | null;
  previous_valid_until: string | null;
}

export interface KeyWithSecret extends Key {
  secret: string;
}

export interface KeyDraft {
  name: string;
  permissions?: string[];
  services?: string[] | null;
  rate_limit_per_minute?: number;
  expires_in?: string | null;
  scope?: string;
}

export type ServiceKind = "http" | "model" | "builtin";
export type ServiceStatus = "healthy" | "degraded" | "unhealthy" | "unknown";
export type BreakerState = "closed" | "open" | "half_open" | "recovering";

export interface Breaker {
  state: BreakerState;
  reason: string | null;
  since: string | null;
  probe_at: string | null;
}

export interface Endpoint {
  id: string;
  url: string;
  weight: number;
  health: "unknown" | "healthy" | "unhealthy";
  last_checked_at: string | null;
  last_error: string | null;
  failures: number;
  lease_expires_at: string | null;
  breaker: Breaker | null;
}

export interface ServiceVersion {
  id: string;
  version: string;
  weight: number;
  status: "active" | "deprecated";
  endpoints: Endpoint[];
}

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

export interface ServiceMethod {
  name: string;
  http_method: string;
  path: string;
  description: string | null;
  parameters: JsonSchema | null;
}

export interface Price {
  input_microusd_per_mtok: number;
  output_microusd_per_mtok: number;
  call_microusd: number;
}

export interface Credential {
  secret_name: string;
  header: string;
  format: string;
}

export interface Service {
  id: string;
  name: string;
  kind: ServiceKind;
  description: string;
  layer: string | null;
  tags: string[];
  capabilities: string[];
  visibility: "org" | "restricted";
  owner: { org_id: string; name: string };
  scope: string | null;
  status: ServiceStatus;
  versions: ServiceVersion[];
  methods: ServiceMethod[];
  timeout_s: number | null;
  max_retries: number;
  cache_ttl_s: number;
  price: Price | null;
  models: string[];
  max_output_tokens: number | null;
  credential: Credential | null;
  health_path: string | null;
  created_at: string;
  updated_at: string;
  endpoint_url: string;
}

export interface ServiceDraft {
  name: string;
  kind: ServiceKind;
  url?: string;
  description?: string;
  layer?: string | null;
  tags?: string[];
  capabilities?: string[];
  visibility?: "org" | "restricted";
  scope?: string | null;
  timeout_s?: number;
  max_retries?: number;
  cache_ttl_s?: number;
  price?: Price | null;
  models?: string[];
  max_output_tokens?: number | null;
  credential?: Credential | null;
  health_path?: string | null;
  methods?: ServiceMethod[];
}

export interface ServiceMatch {
  service: Service;
  score: number;
  match_reason: string;
}

export type Verdict = "allowed" | "refused" | "failed" | "cancelled";

export interface Call {
  id: string;
  at: string;
  org_id: string;
  scope: string;
  principal: { kind: "key" | "person" | "anonymous"; id: string | null; name: string };
  service: { name: string; kind: string; version: string | null; endpoint: string | null; canary: boolean };
  dialect: "openai" | "http";
  method: string;
  path: string;
  model: string | null;
  verdict: Verdict;
  reason: { code: string; name: string; message: string } | null;
  status: number;
  streamed: boolean;
  cached: boolean;
  attempts: number;
  duration_us: number;
  added_us: number;
  first_byte_us: number | null;
  tokens_in: number;
  tokens_out: number;
  tokens_estimated: boolean;
  cost_microusd: number;
  reserved_microusd: number;
  bytes_in: number;
  bytes_out: number;
  snapshot_version: number;
  correlation_id: string;
  trace_id: string;
}

export interface Stage {
  name: string;
  start_us: number;
  took_us: number;
  note: string | null;
}

export interface CallDetail extends Call {
  stages: Stage[];
  request: { method: string; path: string; headers: Record<string, string> } | null;
}

export interface UsageRow {
  key: { id: string | null; name: string };
  calls: number;
  failed: number;
  refused: number;
  error_rate: number;
  p50_us: number | null;
  p95_us: number | null;
  p99_us: number | null;
  added_p95_us: number | null;
  tokens_in: number;
  tokens_out: number;
  cost_microusd: number;
  calls_per_second: number;
}

export interface SeriesPoint {
  at: string;
  calls: number;
  failed: number;
  refused: number;
  p95_us: number | null;
  added_p95_us: number | null;
  cost_microusd: number;
  tokens: number;
}

export interface Series {
  step_s: number;
  points: SeriesPoint[];
}

export interface GatewayState {
  id: string;
  fresh: boolean;
  snapshot_version: number | null;
  uptime_s: number;
  open_connections: number;
}

export interface Attention {
  kind: "breaker_open" | "budget_warning" | "budget_exhausted" | "service_unhealthy" | "gateway_stale";
  title: string;
  text: string;
  link: string;
}

export interface Overview {
  window_s: number;
  calls_per_second: number;
  calls: number;
  failed: number;
  refused: number;
  added_p95_us: number | null;
  cost_microusd: number;
  cost_today_microusd: number;
  tightest_budget: Budget | null;
  health: { status: "healthy" | "degraded" | "unhealthy"; gateways: GatewayState[] };
  attention: Attention[];
  series: Series;
}

export type Measure = "money" | "tokens" | "calls";

export interface Budget {
  id: string;
  name: string;
  subject: { kind: "org" | "scope" | "principal"; id: string | null; name: string };
  measure: Measure;
  window: "hour" | "day" | "month";
  limit: number;
  used: number;
  reserved: number;
  left: number;
  used_percent: number;
  warn_at_percent: number;
  window_started_at: string;
  resets_at: string;
  enabled: boolean;
  created_at: string;
}

export interface BudgetDraft {
  name: string;
  subject_kind: "org" | "scope" | "principal";
  subject_id?: string | null;
  measure: Measure;
  window: "hour" | "day" | "month";
  limit: number;
  warn_at_percent?: number;
  enabled?: boolean;
}

export interface Limit {
  id: string;
  name: string;
  subject: { kind: "org" | "scope" | "key" | "address"; id: string | null; name: string };
  rate: number;
  per_s: number;
  burst: number | null;
  enabled: boolean;
  created_at: string;
}

export interface LimitDraft {
  name: string;
  subject_kind: "org" | "scope" | "key" | "address";
  subject_id?: string | null;
  rate: number;
  per_s: number;
  burst?: number | null;
  enabled?: boolean;
}

export interface Secret {
  name: string;
  description: string;
  version: number;
  created_at: string;
  updated_at: string;
  used_by: string[];
}

export interface Actor {
  kind: string;
  id: string | null;
  name: string;
}

export interface OrgEvent {
  seq: number;
  id: string;
  kind: string;
  at: string;
  actor: Actor;
  payload: Record<string, unknown>;
}

export interface AuditEntry {
  seq: number;
  at: string;
  actor: Actor;
  action: string;
  target: Actor | null;
  outcome: "ok" | "refused";
  severity: "INFO" | "WARN" | "ERROR" | "CRITICAL";
  detail: Record<string, unknown>;
  hash: string;
  prev_hash: string;
  address: string | null;
}

export interface AuditProof {
  verified: boolean;
  entries: number;
  first_bad_seq: number | null;
  checked_at: string;
}

export interface Setting {
  name: string;
  value: unknown;
  source: "default" | "file" | "environment";
  secret: boolean;
  reloadable: boolean;
  description: string;
}

export interface Status {
  version: string;
  environment: string;
  started_at: string;
  components: { name: string; status: string; detail: string | null }[];
  gateways: GatewayState[];
}

/* The socket. */

export type Topic = "calls" | "events" | "stats" | "breakers";

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
  | { type: "resync"; topic: Topic }
  | { type: "ping" }
  | { type: "error"; code: string; message: string };
