import type { TriedCall } from "../../api/gateway";

/**
 * The HTTP request a method and its values make: `{name}` in the path takes the value of that name, the rest goes into the
 * query for GET and DELETE and into a JSON body otherwise.
 */
export function requestOf(
  service: string,
  method: { http_method: string; path: string },
  values: Record<string, unknown>,
): TriedCall {
  const rest = { ...values };
  const filled = method.path.replace(/\{(\w+)\}/g, (whole, name: string) => {
    if (!(name in rest)) return whole;
    const value = String(rest[name]);
    delete rest[name];
    return encodeURIComponent(value);
  });
  const verb = method.http_method.toUpperCase();
  const path = `/svc/${encodeURIComponent(service)}${filled.startsWith("/") ? filled : `/${filled}`}`;
  if (verb !== "GET" && verb !== "DELETE" && verb !== "HEAD") return { method: verb, path, body: JSON.stringify(rest) };
  const query = new URLSearchParams(
    Object.entries(rest).map(([name, value]) => [
      name,
      typeof value === "object" ? JSON.stringify(value) : String(value),
    ]),
  ).toString();
  return { method: verb, path: query ? `${path}${path.includes("?") ? "&" : "?"}${query}` : path, body: null };
}

const shell = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

export function curlOf(call: TriedCall, base: string): string {
  const verb = call.method === "GET" ? "" : ` -X ${call.method}`;
  const lines = [`curl${verb} ${shell(base + call.path)}`, '-H "Authorization: Bearer $PORTICO_KEY"'];
  if (call.body !== null) lines.push(`-H "Content-Type: application/json"`, `-d ${shell(call.body)}`);
  return lines.join(" \\\n  ");
}

export function pythonOf(call: TriedCall, base: string): string {
  const body =
    call.body === null
      ? ""
      : `\n    headers={"Authorization": f"Bearer {os.environ['PORTICO_KEY']}", "Content-Type": "application/json"},\n    content=${JSON.stringify(call.body)},`;
  const headers = call.body === null ? `\n    headers={"Authorization": f"Bearer {os.environ['PORTICO_KEY']}"},` : "";
  return `import os

import httpx

answer = httpx.request(
    ${JSON.stringify(call.method)},
    ${JSON.stringify(base + call.path)},${headers}${body}
)
print(answer.status_code, answer.text)`;
}

export interface Turn {
  role: string;
  content: string;
}

export function chatCurlOf(model: string, messages: Turn[], base: string): string {
  return curlOf(
    { method: "POST", path: "/v1/chat/completions", body: JSON.stringify({ model, messages, stream: true }) },
    base,
  );
}

export function chatPythonOf(model: string, messages: Turn[], base: string): string {
  return `import os

from openai import OpenAI

client = OpenAI(base_url="${base}/v1", api_key=os.environ["PORTICO_KEY"])
stream = client.chat.completions.create(
    model=${JSON.stringify(model)},
    messages=${JSON.stringify(messages)},
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="")`;
}
