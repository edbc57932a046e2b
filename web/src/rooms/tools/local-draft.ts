import type { LocalServerDraft } from "../../api/types";
import type { Problems } from "../../parts/form";

/** Lists are written one to a line, so that an argument may hold spaces. */
export interface LocalValues {
  name: string;
  description: string;
  command: string;
  args: string;
  env: string;
  allowed_paths: string;
  program_paths: string;
  memory_mb: string;
  idle_stop_s: string;
}

export const blank: LocalValues = {
  name: "",
  description: "",
  command: "",
  args: "",
  env: "",
  allowed_paths: "",
  program_paths: "",
  memory_mb: "1024",
  idle_stop_s: "600",
};

const mib = 1024 * 1024;

export const linesOf = (text: string) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

const badVariable = (line: string) => !/^[A-Za-z_][A-Za-z0-9_]*=/.test(line);
const wholeNumber = (text: string, least: number) => /^\d+$/.test(text.trim()) && Number(text) >= least;

export function check(values: LocalValues): Problems<LocalValues> {
  const paths = (text: string) => linesOf(text).find((it) => !it.startsWith("/"));
  const [allowed, program] = [paths(values.allowed_paths), paths(values.program_paths)];
  const variable = linesOf(values.env).find(badVariable);
  return {
    name: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(values.name.trim())
      ? undefined
      : "Small letters, digits and hyphens, such as files",
    command: values.command.trim() ? undefined : "The program: a path, or a name that is found in Portico's PATH",
    env: variable === undefined ? undefined : "NAME=VALUE in each line",
    allowed_paths: allowed && `${allowed} is not a whole path; begin with /`,
    program_paths: program && `${program} is not a whole path; begin with /`,
    memory_mb: wholeNumber(values.memory_mb, 16) ? undefined : "Whole MiB, from 16",
    idle_stop_s: wholeNumber(values.idle_stop_s, 0) ? undefined : "Whole seconds; 0 for never",
  };
}

function variablesOf(text: string): Record<string, string> {
  const pairs = linesOf(text).map((line) => {
    const [name = "", ...rest] = line.split("=");
    return [name, rest.join("=")] as const;
  });
  return Object.fromEntries(pairs);
}

export function draftOf(values: LocalValues): LocalServerDraft {
  return {
    name: values.name.trim(),
    description: values.description.trim(),
    command: values.command.trim(),
    args: linesOf(values.args),
    env: variablesOf(values.env),
    allowed_paths: linesOf(values.allowed_paths),
    program_paths: linesOf(values.program_paths),
    limits: { memory_bytes: Number(values.memory_mb) * mib, idle_stop_s: Number(values.idle_stop_s) },
  };
}

// JSON's texts are YAML's, too; what is plain in both reads better without quotes.
const yamlText = (text: string) =>
  /^[A-Za-z/][\w./@:-]*$/.test(text) && !/^(true|false|yes|no|on|off|null|y|n)$/i.test(text) && !text.endsWith(":")
    ? text
    : JSON.stringify(text);
const yamlList = (texts: string[]) =>
  `[${texts.map((it) => (it.includes(":") ? JSON.stringify(it) : yamlText(it))).join(", ")}]`;

/** The same server in an mcp.yaml. What is not said there takes its usual value, so that is left out. */
export function yamlOf(draft: LocalServerDraft): string {
  const lines = ["mcp_servers:", `  ${draft.name || "NAME"}:`];
  const put = (text: string) => lines.push(`    ${text}`);
  if (draft.description) put(`description: ${yamlText(draft.description)}`);
  put(`command: ${draft.command ? yamlText(draft.command) : "COMMAND"}`);
  if (draft.args?.length) put(`args: ${yamlList(draft.args)}`);
  const env = Object.entries(draft.env ?? {});
  if (env.length > 0) put("env:");
  for (const [name, value] of env) put(`  ${name}: ${/^\$\{\w+\}$/.test(value) ? value : yamlText(value)}`);
  if (draft.allowed_paths?.length) put(`allowed_paths: ${yamlList(draft.allowed_paths)}`);
  if (draft.program_paths?.length) put(`program_paths: ${yamlList(draft.program_paths)}`);
  const limits = Object.entries(draft.limits ?? {}).filter(([name, value]) => value !== usual[name]);
  if (limits.length > 0) put("limits:");
  for (const [name, value] of limits) put(`  ${name}: ${value}`);
  if (draft.enabled === false) put("enabled: false");
  return lines.join("\n");
}

// What a limit is when nothing is said of it.
const usual: Record<string, number | null> = {
  memory_bytes: 1024 * mib,
  processes: 32,
  open_files: 1024,
  cores: null,
  cpu_s: null,
  message_bytes: 4 * mib,
  idle_stop_s: 600,
  start_timeout_s: 60,
};

const quoted = (text: string) => (/^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

export function commandOf(draft: LocalServerDraft): string {
  return [
    `portico mcp add ${draft.name || "NAME"}`,
    ...Object.entries(draft.env ?? {}).map(([name, value]) => `--env ${quoted(`${name}=${value}`)}`),
    ...(draft.allowed_paths ?? []).map((path) => `--allow ${quoted(path)}`),
    ...(draft.program_paths ?? []).map((path) => `--program-path ${quoted(path)}`),
    ...Object.entries(draft.limits ?? {})
      .filter(([name, value]) => value !== usual[name])
      .map(([name, value]) => `--limit ${name}=${value}`),
    "--",
    quoted(draft.command || "COMMAND"),
    ...(draft.args ?? []).map(quoted),
  ].join(" ");
}
