"""Stage 7, the exit of admit: what it came to. Exactly once for each admitted call, however it ended; one journal line."""

import time

from portico.domains.limits.ledger import Spend, release, settle
from portico.domains.usage.model import Verdict
from portico.gateway.admit import cost_of
from portico.gateway.call import AdmittedCall, KnownCall, RawCall, Usage
from portico.gateway.forward import Forward
from portico.gateway.gate import Gate
from portico.gateway.record import (
    Marks,
    Outcome,
    Stages,
    Unsent,
    added_us,
    answered_line,
    charges_of,
    kind_of,
    stage_ends,
    unsent_line,
)
from portico.gateway.relay import Relay
from portico.kernel.errors import Refusal

NOTHING = Spend(0, 0, 0)
# The status that proxies use for a client that left before its answer.
CLIENT_LEFT = 499


def settle_refused(
    gate: Gate, raw: RawCall, known: KnownCall | None, refusal: Refusal, marks: Marks, admitted: AdmittedCall | None
) -> None:
    """Record a call that never left; anonymous ones are counted but not recorded: they belong to no org."""
    if admitted is not None:
        release(admitted.holds)
    row = refusal.row
    gate.stats.count("refused", "none" if known is None else kind_of(known), row.status)
    if known is None:
        return
    now_ns = time.monotonic_ns()
    # When a reservation is in the journal, its release has to be as well, or it would lapse.
    charges = charges_of(admitted.holds) if admitted is not None and admitted.journaled else []
    ended = Unsent("refused", row.status, (now_ns - raw.began_ns) // 1000, charges)
    ended.reason, ended.message = row.name, refusal.message
    gate.journal.write_soon(unsent_line(gate, known, admitted, ended, stage_ends(raw, marks, None, now_ns)))
    gate.on_journal_grew()


def settle_cached(gate: Gate, admitted: AdmittedCall, status: int, size: int, marks: Marks) -> None:
    """A call answered from the cache costs nothing but counts as a call."""
    raw = admitted.known.raw
    settle(admitted.holds, Spend(0, 0, 1))
    now_ns = time.monotonic_ns()
    gate.stats.count("allowed", admitted.service.entry.kind, status)
    ended = Unsent("allowed", status, (now_ns - raw.began_ns) // 1000, charges_of(admitted.holds))
    ended.cached, ended.bytes_out = True, size
    gate.journal.write_soon(unsent_line(gate, admitted.known, admitted, ended, _stages(raw, marks, None, now_ns)))
    gate.on_journal_grew()


def _stages(raw: RawCall, marks: Marks, relay: Relay | None, now_ns: int) -> Stages:
    ends = stage_ends(raw, marks, relay, now_ns)
    if raw.guarded is not None:
        return raw.guarded.stages(ends)
    return ends if raw.choice is None else raw.choice.stages(ends)


def settle_call(
    gate: Gate,
    forward: Forward,
    usage: Usage,
    verdict: Verdict,
    refusal: Refusal | None,
    marks: Marks,
) -> None:
    """Charge what the call used and record it.

    A call that never got an answer releases its holds; one that was answered counts, even when the answer was an error.
    """
    admitted, relay = forward.routed.admitted, forward.relay
    raw, service, status = admitted.known.raw, admitted.service, relay.status
    # An answer that says the service did not do it costs nothing.
    cost = cost_of(service, usage.tokens_in, usage.tokens_out) if 0 < status < 400 else 0
    tokens = usage.tokens_in + usage.tokens_out
    if usage.estimated:
        # A guess from the size of an answer may be far off; what was held is the true upper bound.
        cost, tokens = min(cost, admitted.bound.money_microusd), min(tokens, admitted.bound.tokens)
    if admitted.holds:
        settle(admitted.holds, Spend(cost, tokens) if status else NOTHING)
    now_ns = time.monotonic_ns()
    took_us, ours_us = (now_ns - raw.began_ns) // 1000, added_us(raw, forward, now_ns)
    if not status:
        status = refusal.row.status if refusal is not None else CLIENT_LEFT
    gate.stats.count(verdict, service.entry.kind, status)
    gate.stats.observe(took_us, ours_us, marks, raw.began_ns, forward.sent_ns)
    outcome = Outcome(verdict, status, took_us, ours_us, cost, usage, refusal)
    ends = _stages(raw, marks, relay, now_ns)
    gate.journal.write_soon(answered_line(forward, outcome, ends, gate.view.version))
    gate.on_journal_grew()
