/** A message to an agent as other programs would send it, word for word. */
export interface Said {
  /** Where clients reach the agent. */
  url: string;
  text: string;
  streaming: boolean;
}

// Inside single quotes a shell takes everything as it is, but for the quote itself.
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

export function curlOf({ url, text, streaming }: Said): string {
  const body = {
    jsonrpc: "2.0",
    id: 1,
    method: streaming ? "SendStreamingMessage" : "SendMessage",
    params: { message: { messageId: "m-1", role: "ROLE_USER", parts: [{ text }] } },
  };
  return [
    `curl ${streaming ? "-N " : ""}${url}`,
    '-H "Authorization: Bearer $PORTICO_KEY"',
    "-H 'A2A-Version: 1.0'",
    "-H 'Content-Type: application/json'",
    `-d ${quoted(JSON.stringify(body))}`,
  ].join(" \\\n  ");
}

export function pythonOf({ url, text, streaming }: Said): string {
  return `import asyncio, os

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.helpers.proto_helpers import new_text_message
from a2a.types.a2a_pb2 import Role, SendMessageRequest


async def main() -> None:
    headers = {"Authorization": f"Bearer {os.environ['PORTICO_KEY']}"}
    async with httpx.AsyncClient(headers=headers, timeout=300) as http:
        card = await A2ACardResolver(http, ${JSON.stringify(url)}).get_agent_card()
        config = ClientConfig(httpx_client=http, streaming=${streaming ? "True" : "False"})
        client = ClientFactory(config).create(card)
        message = new_text_message(${JSON.stringify(text)}, role=Role.ROLE_USER)
        async for event in client.send_message(SendMessageRequest(message=message)):
            print(event)


asyncio.run(main())`;
}

export function cliOf(agent: string, text: string): string {
  return `portico agents send ${agent} ${quoted(text)}`;
}
