"""Stage 7, the exit of admit: what it came to. Exactly once for each admitted call, however it ended; one journal line."""

import time

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
    line = _line(
        raw, known, admitted, verdict="refused", status=row.status, took_us=took_us, snapshot_version=gate.view.version
    )
    gate.journal.write_soon(
        _with(
            line, reason=row.name, message=refusal.message, added_us=took_us, stages=_stages(raw, marks, None, now_ns)
        )
    )
    gate.journal_grew()


def settle_cached(gate: Gate, admitted: AdmittedCall, status: int, size: int, marks: Marks) -> None:
    """A call answered from the cache costs nothing but counts as a call."""
    raw = admitted.known.raw
    settle(admitted.holds, Spend(0, 0, 1))
    now_ns = time.perf_counter_ns()
    took_us = (now_ns - raw.began_ns) // 1000
    gate.stats.count("allowed", admitted.service.entry.kind, status)
    line = _line(
        raw,
        admitted.known,
        admitted,
        verdict="allowed",
        status=status,
        took_us=took_us,
        snapshot_version=gate.view.version,
    )
    gate.journal.write_soon(
        _with(
            line,
            cached=True,
            added_us=took_us,
            bytes_out=size,
            charges=_charges(admitted.holds),
            stages=_stages(raw, marks, None, now_ns),
        )
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
) -> int:
    """Charge what the call used and record it; answers the cost in µUSD."""
    raw, service, forward = admitted.known.raw, admitted.service, relay.forward
    answered = relay.status > 0
    cost = cost_of(service, usage.tokens_in, usage.tokens_out) if answered and _charged(relay.status) else 0
    tokens = usage.tokens_in + usage.tokens_out if cost or answered else 0
    # A call that never got an answer releases its hold; it still counts as a call made, because it was.
    settle(admitted.holds, Spend(cost, tokens, 1) if answered else Spend(0, 0, 0))
    marks.ended = now_ns = time.perf_counter_ns()
    took_us = (now_ns - raw.began_ns) // 1000
    status = relay.status or (refusal.row.status if refusal else 499)
    gate.stats.count(verdict, service.entry.kind, status)
    gate.stats.observe(took_us, _added_us(raw, relay, now_ns), marks, raw.began_ns, forward.sent_ns)
    line = _line(
        raw,
        admitted.known,
        admitted,
        verdict=verdict,
        status=status,
        took_us=took_us,
        snapshot_version=gate.view.version,
    )
    target = forward.target
    gate.journal.write_soon(
        _with(
            line,
            version=target.version,
            endpoint=target.url,
            endpoint_id=target.endpoint_id,
            canary=target.canary,
            reason=refusal.row.name if refusal else None,
            message=refusal.message if refusal else None,
            streamed=relay.streamed,
            attempts=forward.attempts,
            added_us=_added_us(raw, relay, now_ns),
            first_byte_us=(relay.first_byte_ns - raw.began_ns) // 1000 if relay.first_byte_ns else None,
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            tokens_estimated=usage.estimated,
            cost_microusd=cost,
            bytes_in=relay.bytes_in or len(raw.body or b""),
            bytes_out=relay.bytes_out,
            charges=_charges(admitted.holds),
            stages=_stages(raw, marks, relay, now_ns),
        )
    )
    gate.journal_grew()
    return cost


def _charged(status: int) -> bool:
    """An answer that says the service did not do it costs nothing."""
    return status < 400


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


def _line(
    raw: RawCall,
    known: KnownCall,
    admitted: AdmittedCall | None,
    *,
    verdict: Verdict,
    status: int,
    took_us: int,
    snapshot_version: int,
) -> dict[str, object]:
    who = known.who
    entry = admitted.service.entry if admitted is not None else None
    return {
        "id": raw.id,
        "at_us": raw.began_us,
        "org_id": who.org_id,
        "scope": who.scope,
        "principal_kind": who.kind,
        "principal_id": who.id,
        "principal_name": who.name,
        "service_id": entry.id if entry else "",
        "service": entry.name if entry else raw.name,
        "service_kind": entry.kind if entry else _kind(raw, None),
        "dialect": raw.dialect,
        "method": raw.head.method.decode(),
        "path": raw.head.path.decode("latin-1"),
        "verdict": verdict,
        "status": status,
        "snapshot_version": snapshot_version,
        "correlation_id": raw.correlation_id,
        "trace_id": raw.trace_id,
        "duration_us": took_us,
        "model": raw.model,
        "reserved_microusd": admitted.bound.money_microusd if admitted and admitted.holds else 0,
        "address": raw.address or None,
    }


def _with(line: dict[str, object], **more: object) -> CallLine:
    return CallLine(**line, **more)  # type: ignore[arg-type]
