import { createHmac } from "node:crypto";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { snippets, ways } from "./verify";

type Check = (secret: string, headers: Record<string, string>, body: Buffer) => boolean;

/** The snippet as somebody would run it: compiled, and imported as a module. */
async function compiled(): Promise<Check> {
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const { outputText } = ts.transpileModule(snippets["typescript-plain"], { compilerOptions: options });
  const url = `data:text/javascript;base64,${Buffer.from(outputText).toString("base64")}`;
  const program = (await import(/* @vite-ignore */ url)) as { isFromPortico: Check };
  return program.isFromPortico;
}

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const body = Buffer.from('{"type":"key.created","data":{"name":"ü"}}');
const nowS = () => Math.floor(Date.now() / 1000);

function signed(at: number, ...secrets: string[]): Record<string, string> {
  const signatures = secrets.map(
    (it) => `sha256=${createHmac("sha256", it).update(`${at}.`).update(body).digest("hex")}`,
  );
  return { "x-webhook-timestamp": String(at), "x-webhook-signature": signatures.join(",") };
}

describe("the snippets that verify a delivery", () => {
  it("exist for every way that is offered", () => {
    expect(Object.keys(snippets)).toEqual(ways.map((way) => way.value));
  });

  it("take what is signed with the secret, alone or beside an older one", async () => {
    const check = await compiled();
    expect(check(secret, signed(nowS(), secret), body)).toBe(true);
    expect(check(secret, signed(nowS(), "whsec_older", secret), body)).toBe(true);
  });

  it("refuse other bytes, other secrets, and what is old or has no time", async () => {
    const check = await compiled();
    expect(check(secret, signed(nowS(), secret), Buffer.concat([body, Buffer.from(" ")]))).toBe(false);
    expect(check(secret, signed(nowS(), "whsec_other"), body)).toBe(false);
    expect(check(secret, signed(nowS() - 301, secret), body)).toBe(false);
    expect(check(secret, { ...signed(nowS(), secret), "x-webhook-timestamp": "soon" }, body)).toBe(false);
  });

  it("refuse a stranger's request without falling over it", async () => {
    const check = await compiled();
    expect(check(secret, {}, body)).toBe(false);
    expect(check(secret, { "x-webhook-timestamp": String(nowS()) }, body)).toBe(false);
  });
});
