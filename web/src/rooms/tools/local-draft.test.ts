import { describe, expect, it } from "vitest";
import { blank, check, commandOf, draftOf, yamlOf } from "./local-draft";

const files = {
  ...blank,
  name: "files",
  command: "mcp-server-filesystem",
  args: "/srv/my documents\n--read-only",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how a secret is written
  env: "TOKEN=${FILES_TOKEN}\nMODE=a=b",
  allowed_paths: "/srv/my documents",
};

describe("a local server that is written", () => {
  it("keeps spaces inside an argument and equals signs inside a value", () => {
    const draft = draftOf(files);
    expect(draft.args).toEqual(["/srv/my documents", "--read-only"]);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how a secret is written
    expect(draft.env).toEqual({ TOKEN: "${FILES_TOKEN}", MODE: "a=b" });
  });

  it("is an mcp.yaml, and one line for the shell", () => {
    expect(yamlOf(draftOf({ ...files, idle_stop_s: "0" }))).toBe(`mcp_servers:
  files:
    command: mcp-server-filesystem
    args: ["/srv/my documents", "--read-only"]
    env:
      TOKEN: \${FILES_TOKEN}
      MODE: "a=b"
    allowed_paths: ["/srv/my documents"]
    limits:
      idle_stop_s: 0`);
    expect(commandOf(draftOf(files))).toBe(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how a secret is written
      "portico mcp add files --env 'TOKEN=${FILES_TOKEN}' --env MODE=a=b --allow '/srv/my documents' -- mcp-server-filesystem '/srv/my documents' --read-only",
    );
  });

  it("says what is not as usual, and nothing of the rest", () => {
    const limits = { memory_bytes: 1 << 30, processes: 8, cores: null, cpu_s: 5, message_bytes: 4 << 20 };
    const text = yamlOf({ name: "files", command: "files", limits, enabled: false });
    expect(text).toBe(`mcp_servers:
  files:
    command: files
    limits:
      processes: 8
      cpu_s: 5
    enabled: false`);
  });

  it.each(["yes", "1", "a: b", "- x", "#x", "null"])("quotes what YAML would read as something else: %s", (text) => {
    expect(yamlOf(draftOf({ ...files, args: text }))).toContain(`args: ["${text}"]`);
  });

  it("says what is missing or wrong", () => {
    const problems = check({ ...blank, env: "TOKEN", allowed_paths: "documents", memory_mb: "1.5" });
    expect(Object.entries(problems).flatMap(([name, problem]) => (problem ? [name] : []))).toEqual([
      "name",
      "command",
      "env",
      "allowed_paths",
      "memory_mb",
    ]);
    expect(Object.values(check(files)).filter(Boolean)).toEqual([]);
  });
});
