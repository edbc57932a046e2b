import { beforeEach, expect, it, vi } from "vitest";

class Storage {
  kept = new Map<string, string>();
  getItem = (name: string) => this.kept.get(name) ?? null;
  setItem = (name: string, value: string) => void this.kept.set(name, value);
  removeItem = (name: string) => void this.kept.delete(name);
}

/** A page of its own, as the browser would load it. */
async function load(storage: Storage) {
  vi.resetModules();
  const page = new EventTarget();
  const { tabId } = await import("./tab");
  const id = tabId(storage as unknown as globalThis.Storage, page as unknown as Window);
  return { id, again: () => tabId(storage as unknown as globalThis.Storage, page as unknown as Window), page };
}

let storage = new Storage();
beforeEach(() => {
  storage = new Storage();
});

it("HY11: is a UUID kept in the storage of the tab", async () => {
  const { id, again } = await load(storage);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect([storage.getItem("portico.tab"), again()]).toEqual([id, id]);
});

it("HY11: survives a reload", async () => {
  const before = await load(storage);
  before.page.dispatchEvent(new Event("pagehide"));
  expect((await load(storage)).id).toBe(before.id);
});

it("HY11: is another one in a duplicate of the tab, whose storage is a copy", async () => {
  const before = await load(storage);
  const copy = new Storage();
  for (const [name, value] of storage.kept) copy.setItem(name, value);
  expect((await load(copy)).id).not.toBe(before.id);
});
