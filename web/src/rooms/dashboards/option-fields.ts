import type { JsonSchema } from "../../api/types";
import { fieldsOf, type SchemaField, valuesFrom } from "../../parts/schema";

/** A field of a widget's options under a name for people, with the way back to the schema's own. */
export interface OptionField extends SchemaField {
  key: string;
  /** Several names in one line, with commas between them. */
  list: boolean;
}

const units: Record<string, string> = { percent: "%", ms: "ms", s: "s" };

export function labelOf(key: string): string {
  const words = key.split("_");
  const unit = words.length > 1 ? units[words.at(-1) ?? ""] : undefined;
  const text = (unit ? words.slice(0, -1) : words).join(" ");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${unit ? `, ${unit}` : ""}`;
}

function described(field: SchemaField, list: boolean): string | undefined {
  const { default: otherwise } = field.schema;
  const parts = [field.description, list ? "Names with commas between them." : undefined];
  if (otherwise !== undefined && otherwise !== null && typeof otherwise !== "boolean")
    parts.push(`${otherwise} when left out.`);
  return parts.filter(Boolean).join(" ") || undefined;
}

export function optionFields(schema: JsonSchema | null, services: string[]): OptionField[] {
  return fieldsOf(schema).map((field) => {
    const list = field.schema.type === "array" && field.schema.items?.type === "string";
    return {
      ...field,
      key: field.name,
      list,
      name: labelOf(field.name),
      kind: list ? "string" : field.kind,
      description: described(field, list),
      schema: list ? {} : field.schema,
      choices: field.name === "service" && services.length > 0 ? services : field.choices,
    };
  });
}

const asText = (value: unknown): string => (typeof value === "object" ? JSON.stringify(value, null, 2) : String(value));

export function textsOf(fields: OptionField[], options: object): Record<string, string> {
  const given = options as Record<string, unknown>;
  const said = fields.filter(({ key }) => given[key] !== undefined && given[key] !== null);
  return Object.fromEntries(
    said.map(({ name, key, list }) => [name, list ? (given[key] as string[]).join(", ") : asText(given[key])]),
  );
}

/** What the texts say, under the schema's names; empty fields are left out. */
export function optionsFrom(fields: OptionField[], texts: Record<string, string>): Record<string, unknown> {
  const values = valuesFrom(fields, texts);
  const said = fields.filter(({ name }) => values[name] !== undefined);
  return Object.fromEntries(
    said.map(({ name, key, list }) => [key, list ? namesIn(String(values[name])) : values[name]]),
  );
}

const namesIn = (text: string): string[] =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
