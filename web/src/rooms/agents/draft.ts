import type { AgentDraft, DiscoveredAgent } from "../../api/types";
import type { Problems } from "../../parts/form";
import { quoted } from "../services/draft";

export interface AgentValues {
  name: string;
  description: string;
  visibility: "org" | "restricted";
  secret: string;
}

export function startValues(found: DiscoveredAgent): AgentValues {
  return { name: found.name, description: found.description, visibility: "org", secret: "" };
}

export function check(values: AgentValues): Problems<AgentValues> {
  return {
    name: /^[a-z0-9][a-z0-9-]{0,62}$/.test(values.name)
      ? undefined
      : "Up to 63 small letters, digits and dashes; a letter or digit first",
    description: values.description.length > 2000 ? "At most 2,000 characters" : undefined,
  };
}

export function urlProblem(url: string): string | undefined {
  try {
    const read = new URL(url);
    if (read.protocol !== "http:" && read.protocol !== "https:") return "Must begin with http:// or https://";
    return read.username || read.password ? "Keep credentials out of the address; choose a secret instead" : undefined;
  } catch {
    return "Must be a whole address, such as http://127.0.0.1:18091";
  }
}

/** What is as the card says is left to it. */
export function draftOf(found: DiscoveredAgent, url: string, values: AgentValues): AgentDraft {
  return {
    url,
    name: values.name,
    ...(values.description !== found.description && { description: values.description }),
    ...(values.visibility !== "org" && { visibility: values.visibility }),
    ...(values.secret && { credential: { secret_name: values.secret } }),
  };
}

export function commandOf(draft: AgentDraft): string {
  const options = [
    ["name", draft.name],
    ["description", draft.description],
    ["credential", draft.credential?.secret_name],
  ] as const;
  const said = options.flatMap(([option, value]) => (value ? [`--${option} ${quoted(value)}`] : []));
  if (draft.visibility === "restricted") said.push("--restricted");
  return ["portico agents register", quoted(draft.url), ...said].join(" ");
}
