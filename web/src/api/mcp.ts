import type { TriedCall } from "./gateway";

/** MCP as the playground speaks it: the messages, and what answers say. Pure. */

export const single = "2026-07-28";
export const withSessions = "2025-11-25";
const client = { name: "portico-playground", version: "1" };

export interface ToolCall {
  server: string;
  tool: string;
  args: Record<string, unknown>;
}

export interface Sent extends TriedCall {
  headers: Record<string, string>;
}

const pathOf = (server: string) => `/mcp/${encodeURIComponent(server)}`;
const base = { Accept: "application/json, text/event-stream", "Content-Type": "application/json" };

/** A name as a header may carry it. */
export function headerText(text: string): string {
  if (/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !/^=\?base64\?.*\?=$/.test(text)) return text;
  const binary = String.fromCharCode(...new TextEncoder().encode(text));
  return `=?base64?${btoa(binary)}?=`;
}

/** One request that needs nothing before it: the era of single requests. */
export function singleCall({ server, tool, args }: ToolCall, extra: Record<string, string> = {}): Sent {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": single,
    "io.modelcontextprotocol/clientInfo": client,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: tool, arguments: args, _meta } };
  return {
    method: "POST",
    path: pathOf(server),
    headers: {
      ...base,
      "MCP-Protocol-Version": single,
      "Mcp-Method": "tools/call",
      "Mcp-Name": headerText(tool),
      ...extra,
    },
    body: JSON.stringify(message),
  };
}

/** Arguments that the tool's schema wants in headers, too. */
export function headersOf(schema: unknown, args: Record<string, unknown>): Record<string, string> {
  const properties = (schema as { properties?: Record<string, { "x-mcp-header"?: unknown }> } | null)?.properties ?? {};
  const wanted = Object.entries(properties).flatMap(([name, property]) => {
    const [token, value] = [property?.["x-mcp-header"], args[name]];
    const plain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
    return typeof token === "string" && plain ? [[`Mcp-Param-${token}`, headerText(String(value))]] : [];
  });
  return Object.fromEntries(wanted);
}

const inSession = (server: string, session: string | null, message: object): Sent => ({
  method: "POST",
  path: pathOf(server),
  headers: { ...base, "MCP-Protocol-Version": withSessions, ...(session && { "Mcp-Session-Id": session }) },
  body: JSON.stringify({ jsonrpc: "2.0", ...message }),
});
export const opening = (server: string): Sent => ({
  ...inSession(server, null, {
    id: 1,
    method: "initialize",
    params: { protocolVersion: withSessions, capabilities: {}, clientInfo: client },
  }),
  headers: base,
});
export const opened = (server: string, session: string | null) =>
  inSession(server, session, { method: "notifications/initialized" });
export const calling = ({ server, tool, args }: ToolCall, session: string | null) =>
  inSession(server, session, { id: 2, method: "tools/call", params: { name: tool, arguments: args } });
export const closing = (server: string, session: string): Sent => ({
  method: "DELETE",
  path: pathOf(server),
  headers: { "MCP-Protocol-Version": withSessions, "Mcp-Session-Id": session },
  body: null,
});

export interface Content {
  type: string;
  text?: string;
}
export interface Reply {
  result?: { content?: Content[]; structuredContent?: unknown; isError?: boolean; [name: string]: unknown };
  error?: { code: number; message: string; data?: unknown };
}

/** The response among what came back, which is one JSON object or a stream of events; null when there is none. */
export function replyOf(contentType: string, text: string): Reply | null {
  const texts = contentType.includes("event-stream") ? eventsOf(text) : [text];
  for (const each of texts.reverse()) {
    try {
      const message: unknown = JSON.parse(each);
      if (typeof message === "object" && message !== null && ("result" in message || "error" in message)) {
        const { error } = message as { error?: unknown };
        // Portico's own envelope has an error of another shape, and is no message of MCP.
        if (error === undefined || "jsonrpc" in message) return message as Reply;
      }
    } catch {}
  }
  return null;
}

function eventsOf(text: string): string[] {
  return text
    .split(/\r?\n\r?\n/)
    .map((event) =>
      event
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).replace(/^ /, ""))
        .join("\n"),
    )
    .filter(Boolean);
}

/** Whether the server is of the era of sessions and said so, rather than that it will not take this call. */
export function wantsSession(status: number, origin: string | null, reply: Reply | null): boolean {
  if (origin !== "upstream" || status < 400 || status >= 500) return false;
  return [400, 404, 405, 406].includes(status) && reply?.error?.code !== -32_602;
}

const shell = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export function curlOf(sent: Sent, origin: string): string {
  return [
    `curl ${shell(origin + sent.path)}`,
    '-H "Authorization: Bearer $PORTICO_KEY"',
    ...Object.entries(sent.headers).map(([name, value]) => `-H ${shell(`${name}: ${value}`)}`),
    `-d ${shell(sent.body ?? "")}`,
  ].join(" \\\n  ");
}

export function pythonOf({ server, tool, args }: ToolCall, origin: string): string {
  // What JSON writes is read by Python itself, whatever it holds.
  const text = JSON.stringify(JSON.stringify(args));
  return `import asyncio, json, os

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def main() -> None:
    headers = {"Authorization": f"Bearer {os.environ['PORTICO_KEY']}"}
    async with httpx2.AsyncClient(headers=headers) as http:
        address = ${JSON.stringify(origin + pathOf(server))}
        async with Client(streamable_http_client(address, http_client=http)) as client:
            print(await client.call_tool(${JSON.stringify(tool)}, json.loads(${text})))


asyncio.run(main())`;
}
