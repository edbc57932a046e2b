import { describe, expect, it } from "vitest";
import { fieldProblem, fieldsOf, startTexts, valuesFrom } from "../../parts/schema";
import { curlOf, requestOf } from "./request";

describe("the request of a method", () => {
  it("fills the path and puts the rest of a GET into the query", () => {
    expect(requestOf("inventory", { http_method: "get", path: "/stock/{sku}" }, { sku: "a/b", limit: 3 })).toEqual({
      method: "GET",
      path: "/svc/inventory/stock/a%2Fb?limit=3",
      body: null,
    });
  });

  it("puts the rest of a POST into the body", () => {
    expect(requestOf("inventory", { http_method: "POST", path: "reserve" }, { sku: "a", lines: [1] })).toEqual({
      method: "POST",
      path: "/svc/inventory/reserve",
      body: '{"sku":"a","lines":[1]}',
    });
  });

  it("survives quotes on the way into a shell", () => {
    expect(curlOf({ method: "POST", path: "/x", body: `{"a":"it's"}` }, "http://p")).toContain(`-d '{"a":"it'\\''s"}'`);
  });
});

describe("fields of a schema", () => {
  const fields = fieldsOf({
    properties: {
      sku: { type: "string", minLength: 3 },
      limit: { type: ["integer", "null"], minimum: 1, default: 10 },
      fresh: { type: "boolean" },
      lines: { type: "array" },
    },
    required: ["sku"],
  });
  const named = (name: string) => fields.find((field) => field.name === name) as (typeof fields)[number];

  it("start from their defaults", () => expect(startTexts(fields)).toEqual({ limit: "10" }));

  it("are checked as they are typed", () => {
    expect(fieldProblem(named("sku"), "")).toBe("Needed");
    expect(fieldProblem(named("sku"), "ab")).toBe("At least 3 characters");
    expect(fieldProblem(named("limit"), "0")).toBe("At least 1");
    expect(fieldProblem(named("limit"), "1.5")).toBe("Enter a whole number");
    expect(fieldProblem(named("lines"), "[")).toBe("This is not valid JSON yet");
    expect(fieldProblem(named("lines"), "[]")).toBeUndefined();
  });

  it("become what the schema asks for, and nothing when empty", () => {
    expect(valuesFrom(fields, { sku: "abc", limit: "5", fresh: "true", lines: "" })).toEqual({
      sku: "abc",
      limit: 5,
      fresh: true,
    });
  });
});
