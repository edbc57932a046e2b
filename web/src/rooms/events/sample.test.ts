import { describe, expect, it } from "vitest";
import type { EventType, OrgEvent } from "../../api/types";
import { curlOf, publishersOf, sampleOf } from "./sample";

describe("a sample of what fits a schema", () => {
  it("has a value of the right type for every field", () => {
    const schema = {
      type: "object",
      properties: {
        parcels: { type: "integer", minimum: 2 },
        share: { type: "number", maximum: 0.5 },
        by: { enum: ["road", "sea"] },
        express: { type: ["boolean", "null"] },
        code: { type: "string", minLength: 6 },
        to: { type: "object", properties: { city: { type: "string", default: "Bern" } } },
        notes: { type: "array", items: { type: "string" } },
      },
    };
    expect(sampleOf(schema)).toEqual({
      parcels: 2,
      share: 0.5,
      by: "road",
      express: true,
      code: "textxx",
      to: { city: "Bern" },
      notes: [],
    });
  });

  it("ends where schemas are nested without end", () => {
    const nested: { properties: Record<string, unknown> } = { properties: {} };
    nested.properties.again = nested;
    expect(JSON.stringify(sampleOf(nested as never)).length).toBeLessThan(100);
  });
});

describe("a command that publishes one", () => {
  const type = { type: "order.shipped", kind: "order.shipped.v1", version: 1, schema: {} } as EventType;

  it("names the type as publishers do", () => {
    expect(curlOf(type, "https://portico.example")).toContain('"type": "order.shipped"');
    expect(curlOf({ ...type, kind: "order.shipped.v2", version: 2 }, "")).toContain('"type": "order.shipped.v2"');
  });

  it("keeps a quote inside its quotes", () => {
    const schema = { properties: { name: { type: "string", default: "O'Hara" } } };
    expect(curlOf({ ...type, schema }, "")).toContain("O'\\''Hara");
  });
});

describe("who publishes", () => {
  it("is a principal with the source it names, the latest first", () => {
    const event = (who: string, source: string, at: string) =>
      ({ actor: { kind: "key", id: "key_1", name: who }, origin: { source }, at }) as unknown as OrgEvent;
    const events = [event("shop", "/shop", "3"), event("erp", "/erp", "2"), event("shop", "/shop", "1")];
    expect(publishersOf(events)).toEqual([
      { who: "shop", source: "/shop", count: 2, lastAt: "3" },
      { who: "erp", source: "/erp", count: 1, lastAt: "2" },
    ]);
  });
});
