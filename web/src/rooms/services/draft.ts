import type { Service, ServiceDraft, ServiceMethod } from "../../api/types";
import type { Problems } from "../../parts/form";

/** What stands in the form: texts, as they are typed. */
export interface ServiceValues {
  name: string;
  kind: ServiceDraft["kind"];
  url: string;
  description: string;
  layer: string;
  tags: string;
  capabilities: string;
  visibility: "org" | "restricted";
  only_scope: boolean;
  timeout_s: string;
  max_retries: string;
  cache_ttl_s: string;
  models: string;
  max_output_tokens: string;
  price_input: string;
  price_output: string;
  price_call: string;
  credential_secret: string;
  credential_header: string;
  credential_format: string;
  health_path: string;
  methods: string;
}

export const blank: ServiceValues = {
  name: "",
  kind: "http",
  url: "",
  description: "",
  layer: "",
  tags: "",
  capabilities: "",
  visibility: "org",
  only_scope: false,
  timeout_s: "",
  max_retries: "",
  cache_ttl_s: "",
  models: "",
  max_output_tokens: "",
  price_input: "",
  price_output: "",
  price_call: "",
  credential_secret: "",
  credential_header: "Authorization",
  credential_format: "Bearer {secret}",
  health_path: "",
  methods: "",
};

const dollars = (microusd: number | null | undefined) => (microusd ? String(microusd / 1_000_000) : "");

export function valuesOf(service: Service): ServiceValues {
  return {
    ...blank,
    name: service.name,
    kind: service.kind === "builtin" ? "http" : service.kind,
    description: service.description,
    layer: service.layer ?? "",
    tags: service.tags.join(", "),
    capabilities: service.capabilities.join(", "),
    visibility: service.visibility,
    only_scope: service.scope !== null,
    timeout_s: service.timeout_s === null ? "" : String(service.timeout_s),
    max_retries: String(service.max_retries),
    cache_ttl_s: String(service.cache_ttl_s),
    models: service.models.join(", "),
    max_output_tokens: service.max_output_tokens === null ? "" : String(service.max_output_tokens),
    price_input: dollars(service.price?.input_microusd_per_mtok),
    price_output: dollars(service.price?.output_microusd_per_mtok),
    price_call: dollars(service.price?.call_microusd),
    credential_secret: service.credential?.secret_name ?? "",
    credential_header: service.credential?.header ?? "Authorization",
    credential_format: service.credential?.format ?? "Bearer {secret}",
    health_path: service.health_path ?? "",
    methods: service.methods.length > 0 ? JSON.stringify(service.methods, null, 2) : "",
  };
}

export function listOf(text: string): string[] {
  return [
    ...new Set(
      text
        .split(/[,\n]/)
        .map((it) => it.trim())
        .filter(Boolean),
    ),
  ];
}

function numberProblem(text: string, least: number, whole = true): string | undefined {
  if (text.trim() === "") return undefined;
  const value = Number(text);
  if (Number.isNaN(value)) return "Enter a number";
  if (whole && !Number.isInteger(value)) return "Enter a whole number";
  return value < least ? `At least ${least}` : undefined;
}

function urlProblem(text: string): string | undefined {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? undefined : "Start with http:// or https://";
  } catch {
    return "Enter a whole address, such as http://127.0.0.1:9000";
  }
}

function methodsProblem(text: string): string | undefined {
  if (text.trim() === "") return undefined;
  try {
    const methods: unknown = JSON.parse(text);
    if (!Array.isArray(methods)) return "Enter a JSON list of methods";
    return methods.every((it) => it && typeof it.name === "string" && typeof it.path === "string")
      ? undefined
      : "Each method needs a name and a path";
  } catch {
    return "This is not valid JSON yet";
  }
}

export function check(values: ServiceValues, isNew: boolean): Problems<ServiceValues> {
  const problems: Problems<ServiceValues> = {
    timeout_s: numberProblem(values.timeout_s, 0.1, false),
    max_retries: numberProblem(values.max_retries, 0),
    cache_ttl_s: numberProblem(values.cache_ttl_s, 0),
    max_output_tokens: numberProblem(values.max_output_tokens, 1),
    price_input: numberProblem(values.price_input, 0, false),
    price_output: numberProblem(values.price_output, 0, false),
    price_call: numberProblem(values.price_call, 0, false),
    health_path: values.health_path === "" || values.health_path.startsWith("/") ? undefined : "Start with /",
    methods: methodsProblem(values.methods),
    credential_format:
      !values.credential_secret || values.credential_format.includes("{secret}") ? undefined : "Must hold {secret}",
    credential_header: !values.credential_secret || values.credential_header ? undefined : "Name the header",
  };
  if (!isNew) return problems;
  return {
    ...problems,
    name: /^[a-z0-9][a-z0-9-]{0,62}$/.test(values.name)
      ? undefined
      : "Small letters, digits and dashes, at most 63; start with a letter or digit",
    url: urlProblem(values.url),
    models:
      values.kind !== "model" || listOf(values.models).length > 0 ? undefined : "Name at least one model it serves",
  };
}

const amount = (text: string) => (text.trim() === "" ? undefined : Number(text));
const micro = (text: string) => Math.round(Number(text) * 1_000_000);

function priceOf(values: ServiceValues): ServiceDraft["price"] {
  const price = {
    input_microusd_per_mtok: micro(values.price_input),
    output_microusd_per_mtok: micro(values.price_output),
    call_microusd: micro(values.price_call),
  };
  return Object.values(price).some((part) => part > 0) ? price : null;
}

function credentialOf(values: ServiceValues): ServiceDraft["credential"] {
  if (!values.credential_secret) return null;
  return { secret_name: values.credential_secret, header: values.credential_header, format: values.credential_format };
}

/** Everything of a service that can be set; for a new one what was left empty is left to the server. */
export function draftOf(values: ServiceValues, scope: string): ServiceDraft {
  const methods =
    values.kind !== "tools" && values.methods.trim() ? (JSON.parse(values.methods) as ServiceMethod[]) : [];
  const full: ServiceDraft = {
    name: values.name,
    kind: values.kind,
    url: values.url,
    description: values.description.trim(),
    layer: values.layer.trim() || null,
    tags: listOf(values.tags),
    capabilities: listOf(values.capabilities),
    visibility: values.visibility,
    scope: values.only_scope ? scope : null,
    timeout_s: amount(values.timeout_s),
    max_retries: amount(values.max_retries),
    cache_ttl_s: values.kind === "tools" ? undefined : amount(values.cache_ttl_s),
    price: priceOf(values),
    models: values.kind === "model" ? listOf(values.models) : [],
    max_output_tokens: amount(values.max_output_tokens) ?? null,
    credential: credentialOf(values),
    health_path: values.health_path.trim() || null,
    methods,
  };
  const said = Object.entries(full).filter(([name, value]) => {
    if (value === undefined || value === null || value === "") return false;
    if (Array.isArray(value)) return value.length > 0;
    return !(name === "visibility" && value === "org");
  });
  return Object.fromEntries(said) as unknown as ServiceDraft;
}

/** What an edit changes: the difference between the form as it was opened and as it is now. */
export function changesOf(before: ServiceValues, after: ServiceValues, scope: string): Partial<ServiceDraft> {
  const empty: Partial<ServiceDraft> = {
    description: "",
    layer: null,
    tags: [],
    capabilities: [],
    visibility: "org",
    scope: null,
    price: null,
    models: [],
    max_output_tokens: null,
    credential: null,
    health_path: null,
    methods: [],
  };
  const old: Record<string, unknown> = { ...empty, ...draftOf(before, scope) };
  const next: Record<string, unknown> = { ...empty, ...draftOf(after, scope) };
  const changed = Object.entries(next).filter(
    ([name, value]) =>
      !["name", "kind", "url", "scope"].includes(name) && JSON.stringify(old[name]) !== JSON.stringify(value),
  );
  return Object.fromEntries(changed) as Partial<ServiceDraft>;
}

/** Where callers will reach it, below the address of this installation. */
export function pathOf({ kind, name }: Pick<ServiceValues, "kind" | "name">): string {
  if (kind === "model") return "/v1";
  if (kind === "agent") return `/a2a/${name || "NAME"}`;
  return kind === "tools" ? `/mcp/${name || "NAME"}` : `/svc/${name || "NAME"}/`;
}

export const pathMeans: Record<ServiceValues["kind"], string> = {
  http: "The rest of the path is handed on.",
  model: "Models are found by their name.",
  tools: "Any MCP client can be pointed there.",
  agent: "Any A2A client can be pointed there.",
};

export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The same registration on the command line. What has no option of its own goes in as a draft. */
export function commandOf(draft: ServiceDraft): string {
  const { name, kind, url, description, health_path, tags, models, timeout_s, max_retries, ...rest } = draft;
  const options: [string, string | number | null | undefined][] = [
    ["url", url],
    ["kind", kind === "http" ? undefined : kind],
    ["description", description],
    ["health-path", health_path],
    ...(tags ?? []).map((tag): [string, string] => ["tag", tag]),
    ...(models ?? []).map((model): [string, string] => ["model", model]),
    ["timeout-s", timeout_s],
    ["max-retries", max_retries],
  ];
  const said = options.filter(([, value]) => value !== undefined && value !== null && value !== "");
  const line = [
    "portico services add",
    quoted(name || "NAME"),
    ...said.map(([option, value]) => `--${option} ${quoted(String(value))}`),
  ].join(" ");
  return Object.keys(rest).length === 0 ? line : `${line} --file - <<'DRAFT'\n${JSON.stringify(rest)}\nDRAFT`;
}
