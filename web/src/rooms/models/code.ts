/** The playground's call as other programs would send it, word for word. */
export interface Said {
  model: string;
  task: string;
  prefer: string;
  text: string;
}

const headersOf = ({ task, prefer }: Said) =>
  [
    ["X-Portico-Task", task],
    ["X-Portico-Prefer", prefer],
  ].filter((header): header is [string, string] => Boolean(header[1]));

const messagesOf = (said: Said) => [{ role: "user", content: said.text }];

// Inside single quotes a shell takes everything as it is, but for the quote itself.
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

export function curlOf(said: Said, base: string): string {
  const body = JSON.stringify({ model: said.model, messages: messagesOf(said), stream: true });
  const lines = [
    `curl -N ${base}/v1/chat/completions`,
    '-H "Authorization: Bearer $PORTICO_KEY"',
    "-H 'Content-Type: application/json'",
    ...headersOf(said).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    `-d ${quoted(body)}`,
  ];
  return lines.join(" \\\n  ");
}

export function pythonOf(said: Said, base: string): string {
  const headers = headersOf(said);
  const extra = headers.length > 0 ? `\n    extra_headers=${JSON.stringify(Object.fromEntries(headers))},` : "";
  return `import os

from openai import OpenAI

client = OpenAI(base_url="${base}/v1", api_key=os.environ["PORTICO_KEY"])
answer = client.chat.completions.with_raw_response.create(
    model=${JSON.stringify(said.model)},
    messages=${JSON.stringify(messagesOf(said))},${extra}
)
print(answer.headers.get("x-portico-model", ${JSON.stringify(said.model)}))
print(answer.parse().choices[0].message.content)`;
}
