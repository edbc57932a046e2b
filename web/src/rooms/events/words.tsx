import type { EventCategory } from "../../api/types";
import { Pill, type Tone } from "../../parts/words";

const tones: Record<EventCategory, Tone> = {
  application: "plain",
  system: "plain",
  integration: "accent",
  error: "bad",
};

export function CategoryPill({ category }: { category: EventCategory }) {
  return <Pill tone={tones[category] ?? "plain"}>{category}</Pill>;
}
