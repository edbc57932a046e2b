import type { Model, ModelChanges } from "../../api/types";
import type { Problems } from "../../parts/form";

export interface FactValues {
  quality: string;
  speed: string;
  context_tokens: string;
  max_output_tokens: string;
  capabilities: string[];
  family: string;
  version: string;
  sends: string;
  own_price: boolean;
  price_in: string;
  price_out: string;
  price_call: string;
  deprecated_at: string;
  retires_at: string;
  successor: string;
  when_retired: Model["when_retired"];
  note: string;
}

const text = (value: number | null) => (value === null ? "" : String(value));
const dollars = (microusd: number) => String(microusd / 1_000_000);
const day = (at: string | null) => at?.slice(0, 10) ?? "";

export function valuesOf(model: Model): FactValues {
  return {
    quality: text(model.quality),
    speed: text(model.speed),
    context_tokens: text(model.context_tokens),
    max_output_tokens: text(model.max_output_tokens),
    capabilities: model.capabilities,
    family: model.family,
    version: model.version,
    sends: model.sends,
    own_price: model.own_price,
    price_in: dollars(model.price.input_microusd_per_mtok),
    price_out: dollars(model.price.output_microusd_per_mtok),
    price_call: dollars(model.price.call_microusd),
    deprecated_at: day(model.deprecated_at),
    retires_at: day(model.retires_at),
    successor: model.successor,
    when_retired: model.when_retired,
    note: model.note,
  };
}

const whole = (value: string) => value === "" || /^[1-9]\d*$/.test(value);
const amount = (value: string) => value.trim() !== "" && Number(value) >= 0;

export function check(values: FactValues): Problems<FactValues> {
  const price = "Enter an amount of dollars";
  const own = values.own_price;
  return {
    context_tokens: whole(values.context_tokens) ? undefined : "A whole number, or nothing",
    max_output_tokens: whole(values.max_output_tokens) ? undefined : "A whole number, or nothing",
    price_in: !own || amount(values.price_in) ? undefined : price,
    price_out: !own || amount(values.price_out) ? undefined : price,
    price_call: !own || amount(values.price_call) ? undefined : price,
    retires_at:
      values.deprecated_at && values.retires_at && values.retires_at < values.deprecated_at
        ? "Not before it is deprecated"
        : undefined,
    successor: values.when_retired === "successor" && !values.successor ? "Say where its calls go" : undefined,
  };
}

const number = (value: string) => (value === "" ? null : Number(value));
const micro = (value: string) => Math.round(Number(value) * 1_000_000);
// A day here begins when it does for the budgets: at midnight UTC.
const moment = (value: string) => (value ? `${value}T00:00:00Z` : null);

/** What is different from before, so that what somebody else changed meanwhile stays. */
export function changesOf(before: FactValues, values: FactValues): ModelChanges {
  const price = values.own_price
    ? {
        input_microusd_per_mtok: micro(values.price_in),
        output_microusd_per_mtok: micro(values.price_out),
        call_microusd: micro(values.price_call),
      }
    : null;
  const all: ModelChanges = {
    quality: number(values.quality),
    speed: number(values.speed),
    context_tokens: number(values.context_tokens),
    max_output_tokens: number(values.max_output_tokens),
    capabilities: values.capabilities as NonNullable<ModelChanges["capabilities"]>,
    family: values.family.trim(),
    version: values.version.trim(),
    sends: values.sends.trim(),
    deprecated_at: moment(values.deprecated_at),
    retires_at: moment(values.retires_at),
    successor: values.successor,
    when_retired: values.when_retired,
    note: values.note.trim(),
  };
  const changed = Object.entries(all).filter(
    ([name]) => JSON.stringify(before[name as keyof FactValues]) !== JSON.stringify(values[name as keyof FactValues]),
  );
  const priced = (["own_price", "price_in", "price_out", "price_call"] as const).some(
    (name) => before[name] !== values[name],
  );
  return { ...(Object.fromEntries(changed) as ModelChanges), ...(priced && { price }) };
}
