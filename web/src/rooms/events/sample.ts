import type { EventType, JsonSchema, OrgEvent } from "../../api/types";

/** Something that fits the schema as far as its words tell; what is bounded otherwise is for people to mend. */
export function sampleOf(schema: JsonSchema, depth = 0): unknown {
  if (schema.default !== undefined) return schema.default;
  if (schema.enum && schema.enum.length > 0) return schema.enum[0];
  const type = [schema.type ?? (schema.properties ? "object" : "string")].flat().find((it) => it !== "null");
  if (type === "integer" || type === "number") return schema.minimum ?? Math.min(1, schema.maximum ?? 1);
  if (type === "boolean") return true;
  if (type === "array") return [];
  if (type === "object") {
    const inside = depth < 4 ? Object.entries(schema.properties ?? {}) : [];
    return Object.fromEntries(inside.map(([name, each]) => [name, sampleOf(each, depth + 1)]));
  }
  return "text".padEnd(Math.min(schema.minLength ?? 0, 200), "x").slice(0, schema.maxLength ?? 200);
}

/** In a shell's single quotes. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export function curlOf(type: EventType, origin: string): string {
  const noun = type.type.split(".")[0];
  const name = type.version === 1 ? type.type : type.kind;
  const sent = {
    specversion: "1.0",
    id: `${type.type.replaceAll(".", "-")}-1`,
    source: "/your-system",
    type: name,
    subject: `${noun}-1`,
    data: sampleOf(type.schema),
  };
  return `curl ${origin}/api/v1/events \\
  -H "Authorization: Bearer $PORTICO_KEY" -H "Content-Type: application/cloudevents+json" \\
  -d ${quoted(JSON.stringify(sent, null, 2))}`;
}

export interface Publisher {
  who: string;
  source: string;
  count: number;
  lastAt: string;
}

/** Who published these, newest first: a principal and the source it named. */
export function publishersOf(events: OrgEvent[]): Publisher[] {
  const found = new Map<string, Publisher>();
  for (const event of events) {
    const who = event.actor.name || event.actor.id || event.actor.kind;
    const source = event.origin?.source ?? "";
    const known = found.get(`${who} ${source}`);
    if (known) known.count += 1;
    else found.set(`${who} ${source}`, { who, source, count: 1, lastAt: event.at });
  }
  return [...found.values()];
}
