/**
 * Which tab this is, so that a change that comes back can be told from one made elsewhere. A reload keeps the id. A tab that
 * was duplicated finds the id of the first, which still lives, in its copy of the storage, and takes one of its own.
 */
const idKey = "portico.tab";
const aliveKey = "portico.tab.alive";

function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

let known: string | null = null;

export function tabId(storage: Storage = sessionStorage, page: Pick<Window, "addEventListener"> = window): string {
  if (known) return known;
  const stored = storage.getItem(idKey);
  known = stored && !storage.getItem(aliveKey) ? stored : newId();
  storage.setItem(idKey, known);
  storage.setItem(aliveKey, "1");
  page.addEventListener("pagehide", () => storage.removeItem(aliveKey));
  page.addEventListener("pageshow", () => storage.setItem(aliveKey, "1"));
  return known;
}
