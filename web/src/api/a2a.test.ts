import { expect, it } from "vitest";
import { a2aError, eventData, sendParams } from "./a2a";

function streamOf(...pieces: string[]): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder();
  return new ReadableStream({
    start: (controller) => {
      for (const piece of pieces) controller.enqueue(bytes.encode(piece));
      controller.close();
    },
  });
}

async function read(...pieces: string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const data of eventData(streamOf(...pieces))) found.push(data);
  return found;
}

it("reads events however they are cut", async () => {
  expect(await read('data: {"a"', ":1}\n", '\ndata: {"b":2}\r\n\r\n')).toEqual(['{"a":1}', '{"b":2}']);
  expect(await read(": ping\n\n", "event: error\ndata: x\ndata: y\n\n")).toEqual(["x\ny"]);
  expect(await read("data: last")).toEqual(["last"]);
});

it("names the task and the conversation only where there are some", () => {
  expect(sendParams({ text: "hi" }, "m")).toEqual({
    message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "hi" }] },
  });
  expect(sendParams({ text: "hi", taskId: "t", contextId: "c" }, "m").message).toMatchObject({
    taskId: "t",
    contextId: "c",
  });
});

it("tells an error in A2A's words, with the next step where Portico refused", () => {
  const response = new Response(null, { headers: { "X-Request-Id": "req-1" } });
  const info = { reason: "BUDGET_EXHAUSTED", metadata: { next_step: "Look at NAME." } };
  const refused = a2aError({ code: 5, message: "The budget is used up", data: [info] }, response, "files");
  expect([refused.code, refused.message, refused.details, refused.correlationId]).toEqual([
    "BUDGET_EXHAUSTED",
    "The budget is used up",
    "Look at files.",
    "req-1",
  ]);
  expect(a2aError({ code: -32002, message: "Task cannot be canceled", data: null }, response, "files").code).toBe(
    "-32002",
  );
});
