import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { canonical, checksum, sha256, sizeOf } from "./checksum";

it("digests as the platform does, at every length around a block's edge", () => {
  for (const length of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 1_000, 65_536]) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 31) % 256);
    expect(sha256(bytes)).toBe(createHash("sha256").update(bytes).digest("hex"));
  }
});

it("says the same of the same state, whatever order its names were written in", () => {
  expect(canonical({ b: [1, { d: null, c: "ü" }], a: true })).toBe('{"a":true,"b":[1,{"c":"ü","d":null}]}');
  expect(checksum({ a: 1, b: 2 })).toBe(checksum({ b: 2, a: 1 }));
  expect(checksum({ a: 1 })).not.toBe(checksum({ a: 2 }));
  expect(checksum({})).toHaveLength(16);
});

it("sorts names by UTF-16 units, as the server does", () => {
  expect(canonical({ "\uFF5E": 2, "\u{1F600}": 1 })).toBe('{"\u{1F600}":1,"\uFF5E":2}');
});

it("counts bytes, not letters", () => {
  expect(sizeOf("ü")).toBe(4);
});
