import { expect, test } from "vitest";
import { curlOf, pythonOf } from "./code";

const said = { model: "auto", task: "code", prefer: "", text: 'it\'s "quoted"' };

test("the call is the same, with the headers that were set and no others", () => {
  expect(curlOf(said, "http://p")).toBe(
    `curl -N http://p/v1/chat/completions \\
  -H "Authorization: Bearer $PORTICO_KEY" \\
  -H 'Content-Type: application/json' \\
  -H 'X-Portico-Task: code' \\
  -d '{"model":"auto","messages":[{"role":"user","content":"it'\\''s \\"quoted\\""}],"stream":true}'`,
  );
  expect(pythonOf(said, "http://p")).toContain('extra_headers={"X-Portico-Task":"code"},');
  expect(pythonOf({ ...said, task: "" }, "http://p")).not.toContain("extra_headers");
});
