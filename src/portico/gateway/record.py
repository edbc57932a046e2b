"""How a finished call is written down: the journal line, from everything the stages learned."""

from portico.domains.limits.ledger import Hold
from portico.domains.usage.model import CallLine, Charge, Stage, Verdict
from portico.gateway.call import AdmittedCall, KnownCall, RawCall, Usage
from portico.gateway.forward import Forward
from portico.gateway.gate import Gate
from portico.gateway.relay import Relay
from portico.kernel.errors import Refusal

STAGES = ("identify", "admit", "route", "forward", "relay", "settle")


class Marks:
    """When each stage ended, in perf_counter nanoseconds; 0 for a stage never reached."""

    __slots__ = ("admitted", "identified", "routed")

    def __init__(self) -> None:
        self.identified = self.admitted = self.routed = 0


class Outcome:
    """How a call that left ended. `took_us` is the whole, `added_us` our part of it."""

    __slots__ = ("added_us", "cost_microusd", "refusal", "status", "took_us", "usage", "verdict")

    def __init__(
        self,
        verdict: Verdict,
        status: int,
        took_us: int,
        added_us: int,
        cost_microusd: int,
        usage: Usage,
        refusal: Refusal | None,
    ) -> None:
        self.verdict, self.status, self.took_us, self.added_us = verdict, status, took_us, added_us
        self.cost_microusd, self.usage, self.refusal = cost_microusd, usage, refusal


def kind_of(known: KnownCall) -> str:
    if known.service is not None:
        return known.service.entry.kind
    return "model" if known.raw.dialect == "openai" else "http"


def charges_of(holds: list[Hold]) -> tuple[Charge, ...]:
    return tuple([Charge(hold.account.id, hold.started_us, hold.amount, hold.charged) for hold in holds])


def added_us(raw: RawCall, forward: Forward, now_ns: int) -> int:
    """Our part of the time: all but what was spent on connecting, on waiting for the service and on pauses between tries."""
    returned_ns = forward.relay.last_data_ns or now_ns
    away_ns = forward.away_ns + (returned_ns - forward.left_ns if forward.left_ns else 0)
    return max(now_ns - raw.began_ns - away_ns, 0) // 1000


def stages_of(raw: RawCall, marks: Marks, relay: Relay | None, now_ns: int) -> tuple[Stage, ...]:
    """Times of the stages it went through; the last one takes what is left."""
    began = raw.began_ns
    if relay is not None and relay.last_data_ns:
        return _all_stages(began, marks, relay, now_ns)
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


def _all_stages(began: int, marks: Marks, relay: Relay, now_ns: int) -> tuple[Stage, ...]:
    """The common case, written out: this runs for every call."""
    identified, admitted = (marks.identified - began) // 1000, (marks.admitted - began) // 1000
    routed, first = (marks.routed - began) // 1000, (relay.first_byte_ns - began) // 1000
    last, end = (relay.last_data_ns - began) // 1000, (now_ns - began) // 1000
    return (
        Stage("identify", 0, identified),
        Stage("admit", identified, admitted - identified),
        Stage("route", admitted, routed - admitted),
        Stage("forward", routed, first - routed),
        Stage("relay", first, last - first),
        Stage("settle", last, end - last),
    )


def answered_line(forward: Forward, outcome: Outcome, stages: tuple[Stage, ...], snapshot_version: int) -> CallLine:
    """The record of a call that left for its service."""
    admitted = forward.routed.admitted
    raw, who, entry = admitted.known.raw, admitted.known.who, admitted.service.entry
    relay, target = forward.relay, forward.target
    usage, refusal = outcome.usage, outcome.refusal
    return CallLine(
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
        verdict=outcome.verdict,
        status=outcome.status,
        snapshot_version=snapshot_version,
        correlation_id=raw.correlation_id,
        trace_id=raw.trace_id,
        duration_us=outcome.took_us,
        version=target.version,
        endpoint=target.url,
        endpoint_id=target.endpoint_id,
        canary=target.canary,
        model=raw.model,
        reason=None if refusal is None else refusal.row.name,
        message=None if refusal is None else refusal.message,
        streamed=relay.streamed,
        attempts=forward.attempts,
        added_us=outcome.added_us,
        first_byte_us=(relay.first_byte_ns - raw.began_ns) // 1000 if relay.first_byte_ns else None,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        tokens_estimated=usage.estimated,
        cost_microusd=outcome.cost_microusd,
        reserved_microusd=admitted.bound.money_microusd if admitted.holds else 0,
        bytes_in=relay.bytes_in or len(raw.body or b""),
        bytes_out=relay.bytes_out,
        charges=charges_of(admitted.holds),
        stages=stages,
        address=raw.address,
    )


def unsent_line(
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
    entry = None if known.service is None else known.service.entry
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
        service_kind=kind_of(known),
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
        # When a reservation is in the journal, its release has to be as well, or it would lapse.
        charges=charges_of(admitted.holds) if admitted is not None and admitted.journaled else (),
        stages=stages,
        address=raw.address,
    )
