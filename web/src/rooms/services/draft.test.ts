import { describe, expect, it } from "vitest";
import { blank, changesOf, check, commandOf, draftOf, listOf, pathOf, quoted } from "./draft";

const inventory = { ...blank, name: "inventory", url: "http://127.0.0.1:9000" };

describe("a new service", () => {
  it("sends what was said and leaves the rest to the server", () => {
    expect(draftOf(inventory, "ENTERPRISE")).toEqual({ name: "inventory", kind: "http", url: "http://127.0.0.1:9000" });
  });

  it("turns dollars into micro-dollars and words into lists", () => {
    const draft = draftOf(
      { ...inventory, kind: "model", models: "gpt-large, gpt-small", price_input: "2.5", only_scope: true },
      "DEVELOPMENT",
    );
    expect(draft.price).toEqual({
      input_microusd_per_mtok: 2_500_000,
      output_microusd_per_mtok: 0,
      call_microusd: 0,
    });
    expect(draft.models).toEqual(["gpt-large", "gpt-small"]);
    expect(draft.scope).toBe("DEVELOPMENT");
  });

  it("is checked while it is typed", () => {
    expect(check({ ...inventory, name: "Not Good" }, true).name).toBeDefined();
    expect(check({ ...inventory, url: "ftp://x" }, true).url).toBe("Start with http:// or https://");
    expect(check({ ...inventory, kind: "model" }, true).models).toBeDefined();
    expect(check({ ...inventory, methods: "{" }, true).methods).toBe("This is not valid JSON yet");
    expect(Object.values(check(inventory, true)).filter(Boolean)).toEqual([]);
  });

  it("has a command line that says the same", () => {
    expect(commandOf(draftOf({ ...inventory, tags: "shop, core", description: "Bob's stock" }, "X"))).toBe(
      "portico services add inventory --url http://127.0.0.1:9000 --description 'Bob'\\''s stock' --tag shop --tag core",
    );
    expect(commandOf(draftOf({ ...inventory, cache_ttl_s: "60" }, "X"))).toContain(
      `--file - <<'DRAFT'\n{"cache_ttl_s":60}`,
    );
  });
});

describe("a server of tools", () => {
  const time = { ...inventory, name: "time", kind: "tools" as const };
  it("says by itself what it offers, so that methods and kept answers are not sent along", () => {
    const draft = draftOf({ ...time, methods: '[{"name":"x"}]', cache_ttl_s: "60", models: "m" }, "X");
    expect(draft).toEqual({ name: "time", kind: "tools", url: "http://127.0.0.1:9000" });
    expect(commandOf(draft)).toBe("portico services add time --url http://127.0.0.1:9000 --kind tools");
  });
  it("has an address of its own", () => {
    expect([pathOf(time), pathOf(inventory), pathOf({ ...time, kind: "model" })]).toEqual([
      "/mcp/time",
      "/svc/inventory/",
      "/v1",
    ]);
  });
});

describe("an edit", () => {
  it("sends only what changed, and null where something was taken away", () => {
    const before = { ...inventory, layer: "L04", timeout_s: "30", tags: "a" };
    expect(changesOf(before, { ...before, layer: "", timeout_s: "10" }, "X")).toEqual({ layer: null, timeout_s: 10 });
    expect(changesOf(before, { ...before, tags: "" }, "X")).toEqual({ tags: [] });
    expect(changesOf(before, before, "X")).toEqual({});
  });
});

describe("words", () => {
  it("are listed once each", () => expect(listOf("a, b\n a,,")).toEqual(["a", "b"]));
  it("are quoted only where the shell needs it", () => {
    expect(quoted("http://x:1/a")).toBe("http://x:1/a");
    expect(quoted("a b; rm")).toBe("'a b; rm'");
  });
});
