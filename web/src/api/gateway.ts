import { mutationOptions } from "@tanstack/react-query";
import { client } from "./client";
import { errorOf } from "./errors";

/** One call sent through the gateway's own doors, with the sign-in of the person who tries it. */
export interface TriedCall {
  method: string;
  path: string;
  body: string | null;
}

export interface TriedAnswer {
  status: number;
  callId: string | null;
  costMicrousd: number | null;
  origin: string | null;
  contentType: string;
  text: string;
  tookMs: number;
}

const shownCharacters = 200_000;

export const tryCall = mutationOptions({
  mutationFn: async (call: TriedCall): Promise<TriedAnswer> => {
    const startedAt = performance.now();
    const response = await client.send(call.path, {
      method: call.method,
      body: call.body,
      headers: call.body === null ? {} : { "Content-Type": "application/json" },
    });
    const text = await response.text();
    const cost = response.headers.get("X-Portico-Cost-Microusd");
    return {
      status: response.status,
      callId: response.headers.get("X-Portico-Call"),
      costMicrousd: cost === null ? null : Number(cost),
      origin: response.headers.get("X-Portico-Origin"),
      contentType: response.headers.get("Content-Type") ?? "",
      text:
        text.length > shownCharacters
          ? `${text.slice(0, shownCharacters)}\n… ${text.length - shownCharacters} more characters`
          : text,
      tookMs: performance.now() - startedAt,
    };
  },
  meta: { stale: [["calls", "recent"]] },
});

export interface ChatTurn {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface ChatAsk {
  model: string;
  messages: ChatTurn[];
  /** What a model route goes by. */
  task?: string;
  prefer?: string;
  onText: (soFar: string) => void;
  signal: AbortSignal;
}

export interface ChatAnswer {
  text: string;
  callId: string | null;
  /** Which model answered, where the name that was asked for stands for several. */
  model: string | null;
  tookMs: number;
  firstTextMs: number | null;
}

export const chat = mutationOptions({
  mutationFn: async (ask: ChatAsk): Promise<ChatAnswer> => {
    const startedAt = performance.now();
    const response = await client.send("/v1/chat/completions", {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        ...(ask.task && { "X-Portico-Task": ask.task }),
        ...(ask.prefer && { "X-Portico-Prefer": ask.prefer }),
      },
      body: JSON.stringify({ model: ask.model, messages: ask.messages, stream: true }),
      signal: ask.signal,
    });
    if (!response.ok || !response.body) throw await errorOf(response);
    let text = "";
    let firstTextMs: number | null = null;
    for await (const piece of textPieces(response.body)) {
      firstTextMs ??= performance.now() - startedAt;
      text += piece;
      ask.onText(text);
    }
    return {
      text,
      callId: response.headers.get("X-Portico-Call"),
      model: response.headers.get("X-Portico-Model"),
      tookMs: performance.now() - startedAt,
      firstTextMs,
    };
  },
  meta: { stale: [["calls", "recent"]] },
});

/** The text deltas of a chat stream, in order; other lines are passed over. */
export async function* textPieces(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = done ? "" : (lines.pop() ?? "");
    for (const line of lines) {
      const piece = deltaOf(line);
      if (piece) yield piece;
    }
    if (done) return;
  }
}

function deltaOf(line: string): string | null {
  if (!line.startsWith("data:")) return null;
  const payload = line.slice(5).trim();
  if (payload === "" || payload === "[DONE]") return null;
  const chunk = JSON.parse(payload) as {
    choices?: { delta?: { content?: string | null } }[];
    error?: { message?: string };
  };
  if (chunk.error) throw new Error(chunk.error.message ?? "The stream ended with an error");
  return chunk.choices?.[0]?.delta?.content ?? null;
}
