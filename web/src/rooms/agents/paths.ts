// These stand for pages of the room; an agent that is called so is found by its id.
const taken = new Set(["new", "mesh"]);

export function pathOf({ name, id }: { name: string; id: string }): string {
  return `/agents/${encodeURIComponent(taken.has(name) ? id : name)}`;
}
