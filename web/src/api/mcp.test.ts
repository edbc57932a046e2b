import { describe, expect, it } from "vitest";
import { curlOf, headersOf, headerText, pythonOf, replyOf, singleCall, wantsSession } from "./mcp";

const result = { jsonrpc: "2.0", id: 1, result: { content: [{ type: "text", text: "3" }] } };

describe("what comes back", () => {
  it("is one object, or the last response of a stream", () => {
    expect(replyOf("application/json", JSON.stringify(result))).toEqual(result);
    const progress = { jsonrpc: "2.0", method: "notifications/progress", params: {} };
    const stream = `: ping\n\nevent: message\ndata: ${JSON.stringify(progress)}\n\nevent: message\r\ndata: ${JSON.stringify(result)}\r\n\r\n`;
    expect(replyOf("text/event-stream", stream)).toEqual(result);
  });

  it("may be no message at all", () => {
    expect(replyOf("text/html", "<p>Gone</p>")).toBeNull();
    expect(replyOf("text/event-stream", "data: \n\n")).toBeNull();
    expect(replyOf("application/json", '{"code":"E","error":{"code":"NOT_FOUND"}}')).toBeNull();
  });

  it("tells an older server from one that refuses the call", () => {
    const error = (code: number) => ({ error: { code, message: "" } });
    expect(wantsSession(400, "upstream", error(-32_600))).toBe(true);
    expect(wantsSession(404, "upstream", null)).toBe(true);
    expect(wantsSession(400, "upstream", error(-32_602))).toBe(false);
    expect(wantsSession(400, "portico", error(-32_600))).toBe(false);
    expect(wantsSession(200, "upstream", error(-32_603))).toBe(false);
  });
});

describe("what is sent", () => {
  it("says in headers what stands in the body", () => {
    const sent = singleCall({ server: "time", tool: "größe", args: { a: 1 } });
    expect(sent.headers["Mcp-Name"]).toBe("=?base64?Z3LDtsOfZQ==?=");
    expect(JSON.parse(sent.body ?? "").params.arguments).toEqual({ a: 1 });
    expect(headerText("add")).toBe("add");
    expect(headerText(" add")).toMatch(/^=\?base64\?/);
  });

  it("carries the arguments that a schema wants in headers", () => {
    const schema = { properties: { region: { "x-mcp-header": "Region" }, b: {}, c: { "x-mcp-header": "C" } } };
    expect(headersOf(schema, { region: "eu", b: "x" })).toEqual({ "Mcp-Param-Region": "eu" });
  });

  it("can be sent by other programs, whatever the arguments hold", () => {
    const call = { server: "time", tool: "say", args: { text: 'it\'s\n"so"', yes: true, none: null } };
    expect(curlOf(singleCall(call), "http://h")).toContain("it'\\''s");
    const written = /json\.loads\((".*")\)\)/.exec(pythonOf(call, "http://h"))?.[1] ?? "";
    expect(JSON.parse(JSON.parse(written))).toEqual(call.args);
  });
});
