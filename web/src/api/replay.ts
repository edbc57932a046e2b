import type { EventReplay, EventReplayAsk } from "./types";

/** What waits for a consumer that fails may wait for half an hour; a replay that nothing becomes of for longer ends. */
const waitMs = 1000;
const mostWaits = 2400;

const rest = () => new Promise<void>((done) => setTimeout(done, waitMs));

function added(before: EventReplay | null, step: EventReplay): EventReplay {
  if (!before) return step;
  const names = new Set([...before.hits, ...step.hits].map((hit) => hit.consumer));
  const of = (replay: EventReplay, name: string) => replay.hits.find((hit) => hit.consumer === name)?.events ?? 0;
  return {
    ...step,
    events: before.events + step.events,
    replayed: before.replayed + step.replayed,
    hits: [...names].map((name) => ({ consumer: name, events: of(before, name) + of(step, name) })),
  };
}

/** A replay of any length, request by request; `told` hears after each what all of them came to so far. */
export async function replayAll(
  ask: EventReplayAsk,
  send: (ask: EventReplayAsk) => Promise<EventReplay>,
  told: (sofar: EventReplay) => void = () => {},
  wait: () => Promise<void> = rest,
): Promise<EventReplay> {
  let sofar: EventReplay | null = null;
  let next = ask;
  for (let waits = 0; waits <= mostWaits; ) {
    const step = await send(next);
    sofar = added(sofar, step);
    if (step.next_after === null) return sofar;
    told(sofar);
    // Without room for more, the answer is where it stood.
    const stands = !step.dry_run && step.next_after === (next.after ?? 0);
    waits = stands ? waits + 1 : 0;
    if (stands) await wait();
    next = { ...ask, after: step.next_after, through: step.through };
  }
  throw new Error(
    `The consumer takes nothing more. The replay stands at position ${next.after}; look at what waits for the consumer, then replay the rest.`,
  );
}
