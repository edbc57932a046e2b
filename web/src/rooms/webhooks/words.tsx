import type { Delivery, DeliveryState, Webhook } from "../../api/types";
import { useNow } from "../../parts/now";
import { Ago, Pill, type Tone } from "../../parts/words";

export interface Words {
  text: string;
  tone: Tone;
}

/** One word for how an endpoint does, worst first. */
export function healthOf({ status, health }: Pick<Webhook, "status" | "health">): Words {
  if (status === "disabled") return { text: "disabled", tone: "bad" };
  if (status === "paused") return { text: "paused", tone: "warn" };
  const { last_success_at: success, last_failure_at: failure } = health;
  if (failure && (!success || Date.parse(failure) > Date.parse(success))) return { text: "failing", tone: "bad" };
  if (health.dead > 0) return { text: "has dead deliveries", tone: "warn" };
  return success ? { text: "delivering", tone: "ok" } : { text: "nothing sent yet", tone: "plain" };
}

export function HealthPill({ of }: { of: Webhook }) {
  const { text, tone } = healthOf(of);
  return (
    <Pill tone={tone} dot>
      {text}
    </Pill>
  );
}

const tones: Record<DeliveryState, Tone> = { pending: "plain", delivered: "ok", dead: "bad", discarded: "warn" };

export function deliveryWords(delivery: Pick<Delivery, "state"> & { tries: number }): Words {
  if (delivery.state === "pending" && delivery.tries > 0)
    return { text: `retrying, ${delivery.tries}× failed`, tone: "warn" };
  return { text: delivery.state, tone: tones[delivery.state] ?? "plain" };
}

export function DeliveryPill({ state, tries }: { state: DeliveryState; tries: number }) {
  const { text, tone } = deliveryWords({ state, tries });
  return <Pill tone={tone}>{text}</Pill>;
}

export const originWords: Record<Delivery["origin"], string> = { event: "event", test: "test", edit: "edited" };

/** A delivery behind another one about the same thing has no time of its own yet. */
export function NextTry({ of }: { of: Pick<Delivery, "state" | "next_at"> }) {
  const now = useNow();
  if (of.state !== "pending") return <span className="dim">–</span>;
  if (of.next_at && Date.parse(of.next_at) <= now) return <>now</>;
  return <Ago at={of.next_at} never="in its turn" />;
}
