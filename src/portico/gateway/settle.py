"""Stage 7, the exit of admit: what it came to. Exactly once for each admitted call, however it ended; one journal line."""

import time

import msgspec

from portico.domains.limits.ledger import Hold, Spend, release, settle
from portico.domains.usage.model import CallLine, Charge, Stage, Verdict
from portico.gateway.admit import cost_of
from portico.gateway.call import AdmittedCall, KnownCall, RawCall, Usage
from portico.gateway.gate import Gate
from portico.gateway.relay import Relay
from portico.kernel.errors import Refusal

STAGES = ("identify", "admit", "route", "forward", "relay", "settle")


class Marks:
    """When each stage ended, in perf_counter nanoseconds; 0 for a stage never reached."""

    __slots__ = ("admitted", "ended", "identified", "routed")

    def __init__(self) -> None:
        self.identified = self.admitted = self.routed = self.ended = 0


def settle_refused(
    gate: Gate, raw: RawCall, known: KnownCall | None, refusal: Refusal, marks: Marks, admitted: AdmittedCall | None
) -> None:
    """Record a call that never left; anonymous ones are counted but not recorded: they belong to no org."""
    if admitted is not None:
        release(admitted.holds)
    row = refusal.row
    gate.stats.count("refused", _kind(raw, admitted), row.status)
    if known is None:
        return
    now_ns = time.perf_counter_ns()
    took_us = (now_ns - raw.began_ns) // 1000
    line = _unsent_line(gate, known, admitted, "refused", row.status, took_us, _stages(raw, marks, None, now_ns))
    gate.journal.write_soon(msgspec.structs.replace(line, reason=row.name, message=refusal.message))
    gate.journal_grew()


def settle_cached(gate: Gate, admitted: AdmittedCall, status: int, size: int, marks: Marks) -> None:
    """A call answered from the cache costs nothing but counts as a call."""
    raw = admitted.known.raw
    settle(admitted.holds, Spend(0, 0, 1))
    now_ns = time.perf_counter_ns()
    took_us = (now_ns - raw.began_ns) // 1000
    gate.stats.count("allowed", admitted.service.entry.kind, status)
    line = _unsent_line(gate, admitted.known, admitted, "allowed", status, took_us, _stages(raw, marks, None, now_ns))
    gate.journal.write_soon(
        msgspec.structs.replace(line, cached=True, bytes_out=size, charges=_charges(admitted.holds))
    )
    gate.journal_grew()


def settle_call(
    gate: Gate,
    admitted: AdmittedCall,
    relay: Relay,
    usage: Usage,
    verdict: Verdict,
    refusal: Refusal | None,
    marks: Marks,
) -> None:
    """Charge what the call used and record it.

    A call that never got an answer releases its holds; one that was answered counts, even when the answer was an error.
    """
    known, service, forward, status = admitted.known, admitted.service, relay.forward, relay.status
    raw, who, entry = known.raw, known.who, admitted.service.entry
    # An answer that says the service did not do it costs nothing.
    cost = cost_of(service, usage.tokens_in, usage.tokens_out) if 0 < status < 400 else 0
    if admitted.holds:
        settle(admitted.holds, Spend(cost, usage.tokens_in + usage.tokens_out) if status else NOTHING)
    now_ns = time.perf_counter_ns()
    took_us, added_us = (now_ns - raw.began_ns) // 1000, _added_us(raw, relay, now_ns)
    if not status:
        status = refusal.row.status if refusal is not None else CLIENT_LEFT
    gate.stats.count(verdict, entry.kind, status)
    gate.stats.observe(took_us, added_us, marks, raw.began_ns, forward.sent_ns)
    target = forward.target
    gate.journal.write_soon(
        CallLine(
            id=raw.id,
            at_us=raw.began_us,
            org_id=who.org_id,
            scope=who.scope,
            principal_kind=who.kind,  # type: ignore[arg-type]
            principal_id=who.id,
            principal_name=who.name,
            service_id=entry.id,
            service=entry.name,
            service_kind=entry.kind,
            dialect=raw.dialect,
            method=raw.head.method.decode(),
            path=raw.head.path.decode("latin-1"),
            verdict=verdict,
            status=status,
            snapshot_version=gate.view.version,
            correlation_id=raw.correlation_id,
            trace_id=raw.trace_id,
            duration_us=took_us,
            version=target.version,
            endpoint=target.url,
            endpoint_id=target.endpoint_id,
            canary=target.canary,
            model=raw.model,
            reason=None if refusal is None else refusal.row.name,
            message=None if refusal is None else refusal.message,
            streamed=relay.streamed,
            attempts=forward.attempts,
            added_us=added_us,
            first_byte_us=(relay.first_byte_ns - raw.began_ns) // 1000 if relay.first_byte_ns else None,
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            tokens_estimated=usage.estimated,
            cost_microusd=cost,
            reserved_microusd=admitted.bound.money_microusd if admitted.holds else 0,
            bytes_in=relay.bytes_in or len(raw.body or b""),
            bytes_out=relay.bytes_out,
            charges=_charges(admitted.holds),
            stages=_stages(raw, marks, relay, now_ns),
            address=raw.address,
        )
    )
    gate.on_journal_grew()


NOTHING = Spend(0, 0, 0)
# The status that proxies use for a client that left before its answer.
CLIENT_LEFT = 499


def _kind(raw: RawCall, admitted: AdmittedCall | None) -> str:
    if admitted is not None:
        return admitted.service.entry.kind
    return "model" if raw.dialect == "openai" else "http"


def _charges(holds: list[Hold]) -> tuple[Charge, ...]:
    return tuple([Charge(hold.account.id, hold.started_us, hold.amount, hold.charged) for hold in holds])


def _added_us(raw: RawCall, relay: Relay, now_ns: int) -> int:
    """Our part of the time: until the request left and after the last byte came, less the wait for a new connection."""
    forward = relay.forward
    if not forward.sent_ns:
        return (now_ns - raw.began_ns) // 1000
    after_ns = now_ns - relay.last_data_ns if relay.last_data_ns else 0
    return max(forward.sent_ns - raw.began_ns - forward.connecting_ns + after_ns, 0) // 1000


def _stages(raw: RawCall, marks: Marks, relay: Relay | None, now_ns: int) -> tuple[Stage, ...]:
    began = raw.began_ns
    ends = [marks.identified, marks.admitted, marks.routed]
    if relay is not None:
        ends += [relay.first_byte_ns, relay.last_data_ns, now_ns]
    stages, start = [], began
    for name, end in zip(STAGES, ends, strict=False):
        if not end:
            # The stage where it ended takes what is left of the time.
            stages.append(Stage(name, (start - began) // 1000, (now_ns - start) // 1000))
            break
        stages.append(Stage(name, (start - began) // 1000, (end - start) // 1000))
        start = end
    return tuple(stages)


def _unsent_line(
    gate: Gate,
    known: KnownCall,
    admitted: AdmittedCall | None,
    verdict: Verdict,
    status: int,
    took_us: int,
    stages: tuple[Stage, ...],
) -> CallLine:
    """The record of a call that Portico answered by itself; all of its time is ours."""
    raw, who = known.raw, known.who
    entry = None if admitted is None else admitted.service.entry
    return CallLine(
        id=raw.id,
        at_us=raw.began_us,
        org_id=who.org_id,
        scope=who.scope,
        principal_kind=who.kind,  # type: ignore[arg-type]
        principal_id=who.id,
        principal_name=who.name,
        service_id="" if entry is None else entry.id,
        service=raw.name if entry is None else entry.name,
        service_kind=_kind(raw, admitted),
        dialect=raw.dialect,
        method=raw.head.method.decode(),
        path=raw.head.path.decode("latin-1"),
        verdict=verdict,
        status=status,
        snapshot_version=gate.view.version,
        correlation_id=raw.correlation_id,
        trace_id=raw.trace_id,
        duration_us=took_us,
        added_us=took_us,
        model=raw.model,
        reserved_microusd=admitted.bound.money_microusd if admitted is not None and admitted.holds else 0,
        bytes_in=len(raw.body or b""),
        # What was held is released, and the journal says so: its reservation line must not lapse.
        charges=() if admitted is None else _charges(admitted.holds),
        stages=stages,
        address=raw.address,
    )
