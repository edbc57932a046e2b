import type { Webhook, WebhookDraft } from "../../api/types";
import type { Problems } from "../../parts/form";

export interface HeaderRow {
  /** Rows have no name of their own while they are typed. */
  row: number;
  name: string;
  value: string;
  /** The hint of the value that is stored under this name; an empty value keeps it. */
  stored: string | null;
}

export interface WebhookValues {
  name: string;
  url: string;
  description: string;
  kinds: string[];
  services: string[];
  headers: HeaderRow[];
  ladder: string;
}

export const blank: WebhookValues = {
  name: "",
  url: "",
  description: "",
  kinds: [],
  services: [],
  headers: [],
  ladder: "",
};

export const mostKinds = 50;
export const mostHeaders = 50;
export const mostSteps = 10;

export function valuesOf(webhook: Webhook): WebhookValues {
  return {
    name: webhook.name,
    url: webhook.url,
    description: webhook.description,
    kinds: webhook.kinds,
    services: webhook.services,
    headers: webhook.headers.map(({ name, hint }, row) => ({ row, name, value: "", stored: hint })),
    ladder: webhook.ladder_s?.join(", ") ?? "",
  };
}

export const readLadder = (text: string): number[] =>
  text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(Number);

function urlProblem(url: string): string | undefined {
  if (!url.trim()) return "Where Portico sends the events";
  try {
    const { protocol, username, password } = new URL(url.trim());
    if (protocol !== "https:" && protocol !== "http:") return "It must begin with https://";
    if (username || password) return "Put no name or password into the address; use a header";
  } catch {
    return "A whole address, such as https://example.com/portico";
  }
  return undefined;
}

function headersProblem(headers: HeaderRow[]): string | undefined {
  if (headers.length > mostHeaders) return `At most ${mostHeaders} headers`;
  if (headers.some((it) => !/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(it.name)))
    return "Every header needs a name without spaces";
  const names = headers.map((it) => it.name.toLowerCase());
  if (new Set(names).size < names.length) return "Two headers have the same name";
  return headers.some((it) => it.stored === null && !it.value) ? "Every new header needs a value" : undefined;
}

export function check(values: WebhookValues): Problems<WebhookValues> {
  const steps = readLadder(values.ladder);
  const wrongLadder = steps.length > mostSteps || steps.some((it) => !Number.isInteger(it) || it < 1 || it > 86_400);
  return {
    name: values.name.trim() ? undefined : "A name to find it by",
    url: urlProblem(values.url),
    kinds:
      values.kinds.length === 0
        ? "Choose at least one kind"
        : values.kinds.length > mostKinds
          ? `At most ${mostKinds}; choose whole groups instead`
          : undefined,
    headers: headersProblem(values.headers),
    ladder: wrongLadder ? `At most ${mostSteps} whole numbers of seconds, each up to a day` : undefined,
  };
}

export function draftOf(values: WebhookValues): Required<Omit<WebhookDraft, "templates">> {
  return {
    name: values.name.trim(),
    url: values.url.trim(),
    description: values.description.trim(),
    kinds: values.kinds,
    services: values.services,
    headers: values.headers.map(({ name, value, stored }) => (value || stored === null ? { name, value } : { name })),
    ladder_s: values.ladder.trim() ? readLadder(values.ladder) : null,
  };
}

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/** Only what differs is sent, so that what somebody else changed meanwhile stays. */
export function changesOf(before: WebhookValues, after: WebhookValues): Partial<WebhookDraft> {
  const [old, now] = [draftOf(before), draftOf(after)];
  const changed = (Object.keys(now) as (keyof typeof now)[]).filter((name) => !same(old[name], now[name]));
  return Object.fromEntries(changed.map((name) => [name, now[name]]));
}

const quoted = (text: string) => (/^[\w.:/@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** Values of headers stay out of it: what is on a command line is in its history. */
export function commandOf(draft: WebhookDraft): string {
  return [
    `portico webhooks add ${quoted(draft.name || "NAME")} --url ${quoted(draft.url || "URL")}`,
    ...(draft.kinds ?? []).map((kind) => `--kind ${quoted(kind)}`),
    ...(draft.services ?? []).map((id) => `--service ${id}`),
    ...(draft.headers ?? []).map(({ name }) => `--header ${quoted(name)}`),
    ...(draft.ladder_s ? [`--ladder ${draft.ladder_s.join(",")}`] : []),
    ...(draft.description ? [`--description ${quoted(draft.description)}`] : []),
  ].join(" ");
}
