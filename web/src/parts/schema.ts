import type { JsonSchema } from "../api/types";

export interface SchemaField {
  name: string;
  kind: "string" | "integer" | "number" | "boolean" | "json";
  required: boolean;
  description: string | undefined;
  choices: string[] | undefined;
  schema: JsonSchema;
}

function kindOf(schema: JsonSchema): SchemaField["kind"] {
  const type = Array.isArray(schema.type) ? schema.type.find((it) => it !== "null") : schema.type;
  if (type === "integer" || type === "number" || type === "boolean" || type === "string") return type;
  if (type === undefined && schema.enum?.every((it) => typeof it === "string")) return "string";
  return "json";
}

export function fieldsOf(schema: JsonSchema | null): SchemaField[] {
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => ({
    name,
    kind: kindOf(property),
    required: schema?.required?.includes(name) ?? false,
    description: property.description ?? property.title,
    choices: property.enum?.filter((it) => it !== null).map(String),
    schema: property,
  }));
}

export function startTexts(fields: SchemaField[]): Record<string, string> {
  const started = fields.filter((field) => field.schema.default !== undefined && field.schema.default !== null);
  return Object.fromEntries(
    started.map(({ name, schema }) => [
      name,
      typeof schema.default === "object" ? JSON.stringify(schema.default) : String(schema.default),
    ]),
  );
}

export function fieldProblem(field: SchemaField, text: string): string | undefined {
  if (text.trim() === "") return field.required && field.kind !== "boolean" ? "Needed" : undefined;
  const { schema } = field;
  if (field.kind === "json") return isJson(text) ? undefined : "This is not valid JSON yet";
  if (field.kind === "integer" || field.kind === "number") {
    const value = Number(text);
    if (Number.isNaN(value)) return "Enter a number";
    if (field.kind === "integer" && !Number.isInteger(value)) return "Enter a whole number";
    if (schema.minimum !== undefined && value < schema.minimum) return `At least ${schema.minimum}`;
    if (schema.maximum !== undefined && value > schema.maximum) return `At most ${schema.maximum}`;
    return undefined;
  }
  if (schema.minLength !== undefined && text.length < schema.minLength)
    return `At least ${schema.minLength} characters`;
  if (schema.maxLength !== undefined && text.length > schema.maxLength) return `At most ${schema.maxLength} characters`;
  if (schema.pattern !== undefined && !fitsPattern(schema.pattern, text)) return `Must look like ${schema.pattern}`;
  return undefined;
}

export function valuesFrom(fields: SchemaField[], texts: Record<string, string>): Record<string, unknown> {
  const said = fields.filter(
    (field) => (texts[field.name] ?? "").trim() !== "" || (field.kind === "boolean" && field.required),
  );
  return Object.fromEntries(said.map((field) => [field.name, readText(field, texts[field.name] ?? "")]));
}

function readText(field: SchemaField, text: string): unknown {
  if (field.kind === "boolean") return text === "true";
  if (field.kind === "integer" || field.kind === "number") return Number(text);
  return field.kind === "json" ? JSON.parse(text) : text;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A pattern this browser cannot read is left for the service to judge. */
function fitsPattern(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    return true;
  }
}
