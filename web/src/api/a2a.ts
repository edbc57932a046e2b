import { mutationOptions } from "@tanstack/react-query";
import { client } from "./client";
import { ApiError, errorOf } from "./errors";

/* What agents say, in the form of A2A 1.0; the gateway speaks it for agents of 0.3 too. */

export interface Part {
  text?: string;
  data?: unknown;
  url?: string;
  raw?: string;
  filename?: string;
  mediaType?: string;
}

export interface Message {
  messageId?: string;
  role?: string;
  parts?: Part[];
  taskId?: string;
  contextId?: string;
}

export interface Status {
  state?: string;
  message?: Message;
  timestamp?: string;
}

export interface Artifact {
  artifactId?: string;
  name?: string;
  description?: string;
  parts?: Part[];
}

export interface Task {
  id: string;
  contextId?: string;
  status?: Status;
  artifacts?: Artifact[];
  history?: Message[];
}

export interface Told {
  task?: Task;
  message?: Message;
  statusUpdate?: { taskId: string; contextId?: string; status?: Status };
  artifactUpdate?: {
    taskId: string;
    contextId?: string;
    artifact?: Artifact;
    append?: boolean;
    lastChunk?: boolean;
  };
}

export interface SendAsk {
  agent: string;
  text: string;
  taskId?: string;
  contextId?: string;
  streaming: boolean;
  /** As soon as there is an answer of any kind, also a refusal. */
  onCall: (callId: string) => void;
  onTold: (told: Told, afterMs: number) => void;
  signal: AbortSignal;
}

export interface Sent {
  tookMs: number;
}

interface Answer {
  result?: unknown;
  error?: { code?: number; message?: string; data?: unknown };
}

// Not randomUUID, which is there in secure contexts only.
const freshId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export function sendParams(ask: Pick<SendAsk, "text" | "taskId" | "contextId">, messageId: string) {
  const { text, taskId, contextId } = ask;
  const going = { ...(taskId && { taskId }), ...(contextId && { contextId }) };
  return { message: { messageId, role: "ROLE_USER", parts: [{ text }], ...going } };
}

function request(agent: string, method: string, params: unknown, signal?: AbortSignal): Promise<Response> {
  return client.send(`/a2a/${encodeURIComponent(agent)}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "A2A-Version": "1.0" },
    body: JSON.stringify({ jsonrpc: "2.0", id: freshId(), method, params }),
    signal: signal ?? null,
  });
}

/** An error in A2A's own words. What Portico refuses says what to do next. */
export function a2aError(
  error: NonNullable<Answer["error"]>,
  response: Pick<Response, "status" | "headers">,
  agent: string,
): ApiError {
  const about: unknown = Array.isArray(error.data) ? error.data[0] : null;
  const info = about as { reason?: unknown; metadata?: { next_step?: unknown } } | null;
  return new ApiError(response.status, {
    code: typeof info?.reason === "string" ? info.reason : String(error.code ?? "A2A"),
    message: error.message ?? "The agent answered with an error",
    details: typeof info?.metadata?.next_step === "string" ? info.metadata.next_step.replace("NAME", agent) : null,
    correlationId: response.headers.get("X-Request-Id"),
  });
}

async function resultOf(response: Response, agent: string): Promise<unknown> {
  if (!(response.headers.get("Content-Type") ?? "").includes("json")) throw await errorOf(response);
  const text = await response.clone().text();
  const answer = readAnswer(text);
  if (!answer) throw await errorOf(response);
  if (answer.error) throw a2aError(answer.error, response, agent);
  return answer.result;
}

function readAnswer(text: string): Answer | null {
  try {
    const read: unknown = JSON.parse(text);
    if (typeof read !== "object" || read === null) return null;
    // The envelope of a refusal, which also has an error inside, has its message at the top.
    return "result" in read || ("error" in read && !("message" in read)) ? (read as Answer) : null;
  } catch {
    return null;
  }
}

/** What each event of a stream holds, in order. Comments and other fields are passed over. */
export async function* eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  let held: string[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = done ? "" : (lines.pop() ?? "");
    if (done) lines.push("");
    for (const line of lines.map((it) => it.replace(/\r$/, ""))) {
      if (line.startsWith("data:")) held.push(line.slice(5).replace(/^ /, ""));
      if (line !== "" || held.length === 0) continue;
      yield held.join("\n");
      held = [];
    }
    if (done) return;
  }
}

/** Says something to an agent; what it tells is handed on as it comes. */
export const sendMessage = mutationOptions({
  mutationFn: async (ask: SendAsk): Promise<Sent> => {
    const startedAt = performance.now();
    const method = ask.streaming ? "SendStreamingMessage" : "SendMessage";
    const response = await request(ask.agent, method, sendParams(ask, freshId()), ask.signal);
    const after = () => performance.now() - startedAt;
    const callId = response.headers.get("X-Portico-Call");
    if (callId) ask.onCall(callId);
    const streamed = (response.headers.get("Content-Type") ?? "").startsWith("text/event-stream");
    if (streamed && response.body) {
      for await (const data of eventData(response.body)) {
        const answer = readAnswer(data);
        if (answer?.error) throw a2aError(answer.error, response, ask.agent);
        if (answer?.result) ask.onTold(answer.result as Told, after());
      }
    } else {
      ask.onTold((await resultOf(response, ask.agent)) as Told, after());
    }
    return { tookMs: after() };
  },
  meta: {
    stale: [
      ["calls", "recent"],
      ["agents", "tasks"],
    ],
  },
});

/** A task goes on when nobody listens; this ends it. */
export const cancelTask = mutationOptions({
  mutationFn: async ({ agent, taskId }: { agent: string; taskId: string }): Promise<Task> =>
    (await resultOf(await request(agent, "CancelTask", { id: taskId }), agent)) as Task,
  meta: {
    stale: [
      ["calls", "recent"],
      ["agents", "tasks"],
      ["agents", "task"],
    ],
  },
});
