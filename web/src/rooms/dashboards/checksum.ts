import type { Json } from "./patch";

/** JSON as RFC 8785 writes it: the same text for the same state, here and on the server. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name] ?? null)}`).join(",")}}`;
}

export const sizeOf = (state: Json): number => new TextEncoder().encode(canonical(state)).length;

/** The first 16 hexadecimal digits of the SHA-256 of the canonical text. */
export const checksum = (state: Json): string => sha256(new TextEncoder().encode(canonical(state))).slice(0, 16);

const primes = (() => {
  const found: number[] = [];
  for (let candidate = 2; found.length < 64; candidate += 1) {
    if (found.every((prime) => candidate % prime !== 0)) found.push(candidate);
  }
  return found;
})();
const fraction = (root: number) => Math.floor((root - Math.floor(root)) * 2 ** 32) | 0;
const rounds = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)));
const start = Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
const turned = (word: number, by: number) => (word >>> by) | (word << (32 - by));

function padded(bytes: Uint8Array): DataView {
  const length = Math.ceil((bytes.length + 9) / 64) * 64;
  const block = new Uint8Array(length);
  block.set(bytes);
  block[bytes.length] = 0x80;
  const view = new DataView(block.buffer);
  view.setUint32(length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(length - 4, (bytes.length << 3) >>> 0);
  return view;
}

function scheduleOf(view: DataView, at: number): Int32Array {
  const words = new Int32Array(64);
  for (let index = 0; index < 16; index += 1) words[index] = view.getInt32(at + index * 4);
  for (let index = 16; index < 64; index += 1) {
    const [early, late] = [words[index - 15] ?? 0, words[index - 2] ?? 0];
    const mixEarly = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3);
    const mixLate = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10);
    words[index] = ((words[index - 16] ?? 0) + mixEarly + (words[index - 7] ?? 0) + mixLate) | 0;
  }
  return words;
}

/** Written out because the browser's own digest answers later and only on secure pages; edits cannot wait for it. */
export function sha256(bytes: Uint8Array): string {
  const view = padded(bytes);
  const hash = Int32Array.from(start);
  for (let at = 0; at < view.byteLength; at += 64) {
    const words = scheduleOf(view, at);
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = hash;
    for (let index = 0; index < 64; index += 1) {
      const mixE = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
      const first = (h + mixE + ((e & f) ^ (~e & g)) + (rounds[index] ?? 0) + (words[index] ?? 0)) | 0;
      const mixA = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
      const second = (mixA + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, index) => {
      hash[index] = ((hash[index] ?? 0) + word) | 0;
    });
  }
  return [...hash].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}
