import { mutationOptions } from "@tanstack/react-query";
import { client } from "./client";
import { errorOf } from "./errors";
import {
  calling,
  closing,
  headersOf,
  opened,
  opening,
  type Reply,
  replyOf,
  type Sent,
  single,
  singleCall,
  type ToolCall,
  wantsSession,
  withSessions,
} from "./mcp";

export interface ToolAnswer {
  reply: Reply | null;
  status: number;
  callId: string | null;
  era: string;
  tookMs: number;
  /** What came back when that was no message of MCP. */
  text: string;
}

async function send(sent: Sent): Promise<{ response: Response; text: string; reply: Reply | null }> {
  const response = await client.send(sent.path, { method: sent.method, body: sent.body, headers: sent.headers });
  const text = await response.clone().text();
  return { response, text, reply: replyOf(response.headers.get("Content-Type") ?? "", text) };
}

async function timed(sent: Sent, era: string): Promise<ToolAnswer & { response: Response }> {
  const startedAt = performance.now();
  const { response, text, reply } = await send(sent);
  const callId = response.headers.get("X-Portico-Call");
  return { response, reply, status: response.status, callId, era, tookMs: performance.now() - startedAt, text };
}

/** With a session around the one call, for a server that knows no other way. */
async function inSession(call: ToolCall): Promise<ToolAnswer> {
  const first = await send(opening(call.server));
  if (!first.response.ok) throw await errorOf(first.response);
  const session = first.response.headers.get("Mcp-Session-Id");
  await send(opened(call.server, session));
  try {
    return await timed(calling(call, session), withSessions);
  } finally {
    if (session) await send(closing(call.server, session));
  }
}

export interface ToolTry extends ToolCall {
  schema: unknown;
}

/** A tools/call through the gateway's own door, with the sign-in of the person who tries it. */
export const callTool = mutationOptions({
  mutationFn: async ({ schema, ...call }: ToolTry): Promise<ToolAnswer> => {
    const { response, ...answer } = await timed(singleCall(call, headersOf(schema, call.args)), single);
    if (wantsSession(answer.status, response.headers.get("X-Portico-Origin"), answer.reply)) return inSession(call);
    if (answer.reply === null && !response.ok) throw await errorOf(response);
    return answer;
  },
  meta: {
    stale: [
      ["calls", "recent"],
      ["tools", "invocations"],
    ],
  },
});
