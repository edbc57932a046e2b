/** What a receiver needs, ready to paste. Each is a whole program, so that nothing has to be guessed. */

export const ways = [
  { value: "python", name: "Python" },
  { value: "typescript", name: "TypeScript" },
  { value: "python-plain", name: "Python, no package" },
  { value: "typescript-plain", name: "TypeScript, no package" },
] as const;
export type Way = (typeof ways)[number]["value"];

const python = `# pip install standardwebhooks fastapi uvicorn
import os
from fastapi import FastAPI, Request, Response
from standardwebhooks import Webhook, WebhookVerificationError

app = FastAPI()
webhook = Webhook(os.environ["PORTICO_WEBHOOK_SECRET"])
done: set[str] = set()  # keep these in your database: a delivery may arrive twice

@app.post("/portico")
async def receive(request: Request) -> Response:
    try:
        event = webhook.verify(await request.body(), dict(request.headers))
    except (WebhookVerificationError, ValueError):
        return Response(status_code=401)
    delivery_id = request.headers["webhook-id"]
    if delivery_id not in done:
        print(event["type"], event["data"])
        done.add(delivery_id)
    return Response(status_code=204)
`;

const typescript = `// npm install standardwebhooks express
import express from "express";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.PORTICO_WEBHOOK_SECRET!);
const done = new Set<string>(); // keep these in your database: a delivery may arrive twice

express()
  // The raw bytes are what is signed: parse them only after they were verified.
  .post("/portico", express.raw({ type: "*/*" }), (request, response) => {
    let event: { type: string; data: unknown };
    try {
      event = webhook.verify(request.body, request.headers as Record<string, string>) as typeof event;
    } catch {
      return void response.sendStatus(401);
    }
    const deliveryId = request.header("webhook-id")!;
    if (!done.has(deliveryId)) {
      console.log(event.type, event.data);
      done.add(deliveryId);
    }
    response.sendStatus(204);
  })
  .listen(3000);
`;

const pythonPlain = `import hashlib, hmac, time

def is_from_portico(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """headers with lower-case names; body as the bytes that arrived"""
    timestamp = headers.get("x-webhook-timestamp", "")
    # Anybody can send anything to your endpoint: what is no time is refused as well.
    if not timestamp.isdecimal() or len(timestamp) > 12 or abs(time.time() - int(timestamp)) > 300:
        return False
    signed = timestamp.encode() + b"." + body
    expected = b"sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode()
    # While the secret is being rotated there is one signature for each of the two.
    signatures = headers.get("x-webhook-signature", "").split(",")
    return any(hmac.compare_digest(expected, it.strip().encode()) for it in signatures)
`;

const typescriptPlain = `import { createHmac, timingSafeEqual } from "node:crypto";

/** body: the bytes that arrived, before anything parsed them */
export function isFromPortico(secret: string, headers: Record<string, string>, body: Buffer): boolean {
  const timestamp = headers["x-webhook-timestamp"];
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300)) return false;
  const digest = createHmac("sha256", secret).update(timestamp + ".").update(body).digest("hex");
  const expected = Buffer.from("sha256=" + digest);
  // While the secret is being rotated there is one signature for each of the two.
  return (headers["x-webhook-signature"] ?? "").split(",").some((it) => {
    const given = Buffer.from(it.trim());
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
`;

export const snippets: Record<Way, string> = {
  python,
  typescript,
  "python-plain": pythonPlain,
  "typescript-plain": typescriptPlain,
};
