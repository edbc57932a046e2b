import type { Model, ModelPrefer } from "../../api/types";
import { roundMoney } from "../../parts/format";
import { Pill, type Tone } from "../../parts/words";

export const capabilities = ["chat", "embeddings", "tools", "vision", "json", "audio", "reasoning"] as const;

const tones: Record<Model["lifecycle"], Tone> = { current: "ok", deprecated: "warn", retiring: "warn", retired: "bad" };

export function LifecyclePill({ of }: { of: Model["lifecycle"] }) {
  return <Pill tone={tones[of]}>{of}</Pill>;
}

/** A grade of five, as dots for the eye and a number for the ear. */
export function Grade({ of, what }: { of: number | null; what: string }) {
  if (of === null) return <span className="dim">–</span>;
  return (
    <span style={{ whiteSpace: "nowrap" }} role="img" aria-label={`${what} ${of} of 5`}>
      {"●".repeat(of)}
      <span className="dim">{"○".repeat(5 - of)}</span>
    </span>
  );
}

export function priceOf({ price }: Model): string {
  const perToken = `${roundMoney(price.input_microusd_per_mtok)} / ${roundMoney(price.output_microusd_per_mtok)}`;
  return price.call_microusd ? `${perToken} + ${roundMoney(price.call_microusd)} a call` : perToken;
}

export const preferences: { value: ModelPrefer; name: string }[] = [
  { value: "order", name: "the given order" },
  { value: "quality", name: "quality" },
  { value: "speed", name: "speed" },
  { value: "cost", name: "cost" },
];

export const preferenceName = (value: ModelPrefer) => preferences.find((it) => it.value === value)?.name ?? value;
