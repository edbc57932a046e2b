import { describe, expect, it } from "vitest";
import type { DiscoveredAgent, MeshAgent } from "../../api/types";
import { cliOf, curlOf, pythonOf } from "./code";
import { check, commandOf, draftOf, startValues, urlProblem } from "./draft";
import { layOut } from "./layout";
import { pathOf } from "./paths";

const found = { name: "files", description: "Knows the files" } as DiscoveredAgent;
const start = startValues(found);

describe("a draft of an agent", () => {
  it("leaves to the card what the card says", () => {
    expect(draftOf(found, "http://a.example", start)).toEqual({ url: "http://a.example", name: "files" });
    const changed = { ...start, description: "Ours", visibility: "restricted" as const, secret: "files-token" };
    const draft = draftOf(found, "http://a.example", changed);
    expect(draft.credential).toEqual({ secret_name: "files-token" });
    expect(commandOf(draft)).toBe(
      "portico agents register http://a.example --name files --description Ours --credential files-token --restricted",
    );
  });

  it("needs a name that can stand in an address", () => {
    expect(check({ ...start, name: "My agent" }).name).toBeDefined();
    expect(check(start)).toEqual({ name: undefined, description: undefined });
  });

  it("needs a whole address without credentials", () => {
    expect(urlProblem("http://127.0.0.1:18091")).toBeUndefined();
    for (const wrong of ["", "files", "ftp://a.example", "http://me:secret@a.example"])
      expect(urlProblem(wrong)).toBeDefined();
  });
});

it("finds an agent by its id where its name stands for a page", () => {
  expect(pathOf({ name: "files", id: "svc_1" })).toBe("/agents/files");
  expect(pathOf({ name: "mesh", id: "svc_1" })).toBe("/agents/svc_1");
});

it("gives the call in three tongues, with quotes that a shell takes", () => {
  const said = { url: "http://here/a2a/files", text: "what's up", streaming: true };
  expect(curlOf(said)).toContain("-d '");
  expect(curlOf(said)).toContain("what'\\''s up");
  expect(curlOf(said)).toContain('"method":"SendStreamingMessage"');
  expect(curlOf({ ...said, streaming: false })).toContain('"method":"SendMessage"');
  expect(pythonOf(said)).toContain('new_text_message("what\'s up"');
  expect(cliOf("files", "hello")).toBe("portico agents send files 'hello'");
});

it("lays out agents and skills, each line between two that stand there", () => {
  const agent = (name: string, ...skills: string[]) => ({ id: name, name, health: "healthy", skills }) as MeshAgent;
  const layout = layOut([agent("a", "count", "sum"), agent("b", "sum")]);
  expect(layout.skills.map((it) => it.name)).toEqual(["count", "sum"]);
  expect(layout.edges.map((it) => `${it.agent} ${it.skill}`)).toEqual(["a count", "a sum", "b sum"]);
  expect(layout.left).toBe(0);
  const crowd = layOut(Array.from({ length: 20 }, (_, place) => agent(`a${place}`, `s${place}`)));
  expect(crowd.agents).toHaveLength(16);
  expect(crowd.left).toBe(8);
  expect(Math.max(...crowd.skills.map((it) => it.y))).toBeLessThan(crowd.height);
});
