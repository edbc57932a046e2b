/** What a card says of itself beyond what the API sorts out of it; cards are other people's, so nothing is taken for granted. */
export interface CardSkill {
  id: string;
  examples: string[];
  modes: string[];
}

export interface CardInterface {
  url: string;
  binding: string;
  protocol: string;
}

type Json = Record<string, unknown>;

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const words = (value: unknown): string[] => list(value).filter((it): it is string => typeof it === "string");
const objects = (value: unknown): Json[] =>
  list(value).filter((it): it is Json => typeof it === "object" && it !== null && !Array.isArray(it));
const text = (value: unknown): string => (typeof value === "string" ? value : "");

export function skillsIn(card: Json): CardSkill[] {
  return objects(card.skills).map((skill) => ({
    id: text(skill.id),
    examples: words(skill.examples).slice(0, 5),
    modes: [...new Set([...words(skill.inputModes), ...words(skill.outputModes)])],
  }));
}

export function interfacesIn(card: Json): CardInterface[] {
  return objects(card.supportedInterfaces).map((each) => ({
    url: text(each.url),
    binding: text(each.protocolBinding),
    protocol: text(each.protocolVersion),
  }));
}

export function modesIn(card: Json): { input: string[]; output: string[] } {
  return { input: words(card.defaultInputModes), output: words(card.defaultOutputModes) };
}

export function providerIn(card: Json): string | null {
  return text((card.provider as Json | undefined)?.organization) || null;
}

export const bindingName = (binding: string): string =>
  binding === "JSONRPC" ? "JSON-RPC" : binding === "HTTP+JSON" ? "REST" : binding;

/** Only what a browser may be led to. */
export function documentationIn(card: Json): string | null {
  const url = text(card.documentationUrl);
  return /^https?:\/\//.test(url) ? url : null;
}
