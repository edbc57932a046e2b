import { expect, test } from "vitest";
import { asCurl } from "./advice";

const chat = {
  method: "POST",
  path: "/v1/chat/completions",
  model: "it's",
  dialect: "openai",
  streamed: true,
} as const;

test("a chat is sent again as it was, streamed, with what was not kept left open", () => {
  const curl = asCurl(chat, "http://portico.test");
  expect(curl).toContain("-X POST 'http://portico.test/v1/chat/completions'");
  expect(curl).toContain('-H "Content-Type: application/json"');
  expect(curl).toContain(String.raw`"model":"it'\''s"`);
  expect(curl).toContain('"stream":true');
});

test("an embedding has an input, not messages", () => {
  const curl = asCurl({ ...chat, path: "/v1/embeddings", streamed: false }, "http://portico.test");
  expect(curl).toContain('"input":"…"');
  expect(curl).not.toContain("messages");
});

test("a call of an HTTP service has no body that could be known", () => {
  const http = { ...chat, path: "/svc/inventory/stock", model: null, dialect: "http", streamed: false } as const;
  expect(asCurl(http, "http://portico.test")).not.toContain("-d");
});
