import { expect, it } from "vitest";
import { documentationIn, interfacesIn, modesIn, providerIn, skillsIn } from "./card";

it("reads what the API does not sort out of a card", () => {
  const card = {
    skills: [{ id: "count", examples: ["How many?", 7], inputModes: ["text/plain"], outputModes: ["text/plain"] }],
    supportedInterfaces: [{ url: "http://here/a2a/z", protocolBinding: "JSONRPC", protocolVersion: "1.0" }],
    defaultInputModes: ["text/plain"],
    provider: { organization: "Zoo" },
    documentationUrl: "https://zoo.example/docs",
  };
  expect(skillsIn(card)).toEqual([{ id: "count", examples: ["How many?"], modes: ["text/plain"] }]);
  expect(interfacesIn(card)).toEqual([{ url: "http://here/a2a/z", binding: "JSONRPC", protocol: "1.0" }]);
  expect(modesIn(card)).toEqual({ input: ["text/plain"], output: [] });
  expect(providerIn(card)).toBe("Zoo");
  expect(documentationIn(card)).toBe("https://zoo.example/docs");
});

it("takes nothing for granted, least of all a link", () => {
  const odd = {
    skills: [null, "x", []],
    supportedInterfaces: {},
    documentationUrl: "javascript:alert(1)",
    provider: "x",
  };
  expect(skillsIn(odd)).toEqual([]);
  expect(interfacesIn(odd)).toEqual([]);
  expect(documentationIn(odd)).toBeNull();
  expect(providerIn(odd)).toBeNull();
});
