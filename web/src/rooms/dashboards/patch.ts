/** Changes to a state document as RFC 6902 operations, the three of them that state sync speaks. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export interface Operation {
  op: "add" | "remove" | "replace";
  path: string;
  value?: Json;
}
export type Patch = Operation[];

export class PatchDoesNotFit extends Error {
  constructor(operation: Operation) {
    super(`${operation.op} ${operation.path} does not fit the state`);
    this.name = "PatchDoesNotFit";
  }
}

export const pointer = (...parts: string[]): string =>
  parts.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

const partsOf = (path: string): string[] =>
  path
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));

const isObject = (value: Json | undefined): value is { [name: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function valueAt(document: Json, path: string): Json | undefined {
  return partsOf(path).reduce<Json | undefined>((value, part) => {
    if (Array.isArray(value)) return /^\d+$/.test(part) ? value[Number(part)] : undefined;
    return isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  }, document);
}

export function same(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((value, index) => same(value, other[index]));
  }
  if (!isObject(one) || !isObject(other)) return false;
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && same(one[name], other[name]))
  );
}

function changeList(list: Json[], key: string, operation: Operation): Json[] {
  const index = key === "-" && operation.op === "add" ? list.length : Number(key);
  const last = operation.op === "add" ? list.length : list.length - 1;
  if ((key !== "-" && !/^(0|[1-9]\d*)$/.test(key)) || Number.isNaN(index) || index > last) {
    throw new PatchDoesNotFit(operation);
  }
  if (operation.op === "remove") return list.toSpliced(index, 1);
  return list.toSpliced(index, operation.op === "add" ? 0 : 1, operation.value ?? null);
}

function changeMember(parent: Json | undefined, key: string, operation: Operation): Json {
  if (Array.isArray(parent)) return changeList(parent, key, operation);
  if (!isObject(parent)) throw new PatchDoesNotFit(operation);
  if (operation.op === "add") return { ...parent, [key]: operation.value ?? null };
  if (!Object.hasOwn(parent, key)) throw new PatchDoesNotFit(operation);
  if (operation.op === "replace") return { ...parent, [key]: operation.value ?? null };
  const { [key]: _gone, ...rest } = parent;
  return rest;
}

function change(document: Json | undefined, parts: string[], operation: Operation): Json {
  const [key, ...deeper] = parts;
  if (key === undefined) throw new PatchDoesNotFit(operation);
  if (deeper.length === 0) return changeMember(document, key, operation);
  if (Array.isArray(document)) {
    const index = Number(key);
    if (!/^\d+$/.test(key) || index >= document.length) throw new PatchDoesNotFit(operation);
    return document.with(index, change(document[index], deeper, operation));
  }
  if (!isObject(document) || !Object.hasOwn(document, key)) throw new PatchDoesNotFit(operation);
  return { ...document, [key]: change(document[key], deeper, operation) };
}

/** The document with the patch on it; the old one stays as it was. All or nothing. */
export function applied<T extends Json>(document: T, patch: Patch): T {
  return patch.reduce<Json>((now, operation) => change(now, partsOf(operation.path), operation), document) as T;
}

/** The shortest patch of whole members that makes one document of the other; lists are replaced, not edited. */
export function difference(before: Json, after: Json, path = ""): Patch {
  if (same(before, after)) return [];
  if (!isObject(before) || !isObject(after)) return [{ op: "replace", path, value: after }];
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
  return [
    ...gone.map((name): Operation => ({ op: "remove", path: path + pointer(name) })),
    ...Object.entries(after).flatMap(([name, value]): Patch => {
      const at = path + pointer(name);
      if (!Object.hasOwn(before, name)) return [{ op: "add", path: at, value }];
      return difference(before[name] ?? null, value, at);
    }),
  ];
}
