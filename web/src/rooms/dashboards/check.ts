import type { JsonSchema } from "../../api/types";

type Schema = JsonSchema & {
  const?: unknown;
  maxItems?: number;
  additionalProperties?: boolean | Schema;
};

const kindOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : typeof value;

function isOf(kind: string, type: string | string[] | undefined): boolean {
  if (type === undefined) return true;
  const allowed = Array.isArray(type) ? type : [type];
  return allowed.includes(kind) || (kind === "integer" && allowed.includes("number"));
}

function textProblem(text: string, schema: Schema): string | null {
  if (schema.minLength !== undefined && text.length < schema.minLength) return "must not be empty";
  if (schema.maxLength !== undefined && text.length > schema.maxLength)
    return `holds at most ${schema.maxLength} characters`;
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, "u").test(text)) {
    return schema.description ? `does not look right: ${schema.description}` : `must look like ${schema.pattern}`;
  }
  return null;
}

function numberProblem(value: number, schema: Schema): string | null {
  if (schema.minimum !== undefined && value < schema.minimum) return `is at least ${schema.minimum}`;
  if (schema.maximum !== undefined && value > schema.maximum) return `is at most ${schema.maximum}`;
  return null;
}

function objectProblem(value: Record<string, unknown>, schema: Schema, where: string): string | null {
  const missing = schema.required?.find((name) => !Object.hasOwn(value, name));
  if (missing) return `${where || "It"} needs ${missing}`;
  for (const [name, inner] of Object.entries(value)) {
    const at = where ? `${where}.${name}` : name;
    const known = schema.properties?.[name] as Schema | undefined;
    const otherwise = schema.additionalProperties;
    if (!known && otherwise === false) return `${at} is not known here`;
    const problem = dataProblem(inner, known ?? (typeof otherwise === "object" ? otherwise : {}), at);
    if (problem) return problem;
  }
  return null;
}

/** The first thing about a value that its schema does not allow, in words, or null. The server looks again, and closer. */
export function dataProblem(value: unknown, schema: Schema, where = ""): string | null {
  const kind = kindOf(value);
  const name = where || "It";
  if (!isOf(kind, schema.type)) return `${name} must be ${schema.type}`;
  if (schema.enum && !schema.enum.includes(value as string)) return `${name} is one of ${schema.enum.join(", ")}`;
  if (typeof value === "string") {
    const problem = textProblem(value, schema);
    return problem && `${name} ${problem}`;
  }
  if (typeof value === "number") {
    const problem = numberProblem(value, schema);
    return problem && `${name} ${problem}`;
  }
  if (Array.isArray(value)) {
    if (schema.maxItems !== undefined && value.length > schema.maxItems)
      return `${name} holds at most ${schema.maxItems}`;
    for (const [index, item] of value.entries()) {
      const problem = dataProblem(item, schema.items ?? {}, `${where}[${index}]`);
      if (problem) return problem;
    }
    return null;
  }
  return kind === "object" ? objectProblem(value as Record<string, unknown>, schema, where) : null;
}
