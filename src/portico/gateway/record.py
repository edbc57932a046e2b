"""How a finished call is written down: the journal line, from everything the stages learned.

The line's values are put in the order of lines.py right here: a structure of forty fields between the two would cost each
call as much as all of its writing.
"""

from portico.domains.limits.ledger import Hold
from portico.domains.usage.lines import CALL, HOP, encode
from portico.domains.usage.model import Stage, Verdict
from portico.gateway.call import AdmittedCall, KnownCall, RawCall, Usage
from portico.gateway.forward import Forward
from portico.gateway.gate import Gate
from portico.gateway.relay import Relay
from portico.kernel.errors import Refusal

# (budget id, start of its window, held, charged)
Charges = list[tuple[str, int, int, int]]
# When each stage ended; written out only when one has more to say.
Stages = list[int] | list[Stage]


class Marks:
    """When each stage ended, in nanoseconds of the monotonic clock; 0 for a stage never reached."""

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
    if known.raw.is_model:
        return "model"
    return {"mcp": "tools", "a2a": "agent"}.get(known.raw.dialect, "http")


def charges_of(holds: list[Hold]) -> Charges:
    return [(hold.account.id, hold.started_us, hold.amount, hold.charged) for hold in holds]


def added_us(raw: RawCall, forward: Forward, now_ns: int) -> int:
    """Our part of the time: all but what was spent on connecting, on waiting for the service and on pauses between tries."""
    returned_ns = forward.relay.last_data_ns or now_ns
    away_ns = forward.away_ns + (returned_ns - forward.left_ns if forward.left_ns else 0)
    return max(now_ns - raw.began_ns - away_ns, 0) // 1000


def stage_ends(raw: RawCall, marks: Marks, relay: Relay | None, now_ns: int) -> list[int]:
    """When each of the stages it went through ended, in µs; the stage where the call ended takes what is left of its time."""
    began = raw.began_ns
    reached = [marks.identified, marks.admitted, marks.routed]
    if relay is not None:
        reached += [relay.first_byte_ns, relay.last_data_ns]
    ends: list[int] = []
    for end in reached:
        if not end:
            break
        ends.append((end - began) // 1000)
    ends.append((now_ns - began) // 1000)
    return ends


def answered_line(forward: Forward, outcome: Outcome, ends: Stages, snapshot_version: int) -> bytes:
    """The record of a call that left for its service."""
    admitted = forward.routed.admitted
    raw, who, entry = admitted.known.raw, admitted.known.who, admitted.service.entry
    relay, target = forward.relay, forward.target
    usage, refusal = outcome.usage, outcome.refusal
    return encode(
        (
            HOP if raw.brought_trace else CALL,
            raw.id,
            raw.began_us,
            (who.org_id, who.scope, who.id, who.name, entry.id, entry.name, entry.kind),
            outcome.verdict,
            outcome.status,
            outcome.took_us,
            outcome.added_us,
            usage.tokens_in,
            usage.tokens_out,
            outcome.cost_microusd,
            raw.brought_correlation,
            (
                target.version,
                target.url,
                target.endpoint_id,
                target.canary,
                who.kind,
                raw.dialect,
                raw.operation or raw.head.method.decode(),
                raw.head.path.decode("latin-1"),
                raw.model,
                None if refusal is None else refusal.row.name,
                None if refusal is None else refusal.message,
                relay.streamed,
                False,
                forward.attempts,
                (relay.first_byte_ns - raw.began_ns) // 1000 if relay.first_byte_ns else None,
                usage.estimated,
                admitted.bound.money_microusd if admitted.holds else 0,
                relay.bytes_in or len(raw.body or b""),
                relay.bytes_out,
                snapshot_version,
                raw.brought_trace,
                raw.address,
            ),
            charges_of(admitted.holds),
            ends,
        )
    )


class Unsent:
    """How a call ended that Portico answered by itself; all of its time is ours."""

    __slots__ = ("bytes_out", "cached", "charges", "message", "reason", "status", "took_us", "verdict")

    def __init__(self, verdict: Verdict, status: int, took_us: int, charges: Charges) -> None:
        self.verdict, self.status, self.took_us, self.charges = verdict, status, took_us, charges
        self.reason: str | None = None
        self.message: str | None = None
        self.cached = False
        self.bytes_out = 0


def unsent_line(gate: Gate, known: KnownCall, admitted: AdmittedCall | None, ended: Unsent, ends: Stages) -> bytes:
    raw, who = known.raw, known.who
    service_id, service = (
        ("", raw.name) if known.service is None else (known.service.entry.id, known.service.entry.name)
    )
    return encode(
        (
            HOP if raw.brought_trace else CALL,
            raw.id,
            raw.began_us,
            (who.org_id, who.scope, who.id, who.name, service_id, service, kind_of(known)),
            ended.verdict,
            ended.status,
            ended.took_us,
            ended.took_us,
            0,
            0,
            0,
            raw.brought_correlation,
            (
                None,
                None,
                None,
                False,
                who.kind,
                raw.dialect,
                raw.operation or raw.head.method.decode(),
                raw.head.path.decode("latin-1"),
                raw.model,
                ended.reason,
                ended.message,
                False,
                ended.cached,
                0,
                None,
                False,
                admitted.bound.money_microusd if admitted is not None and admitted.holds else 0,
                len(raw.body or b""),
                ended.bytes_out,
                gate.view.version,
                raw.brought_trace,
                raw.address,
            ),
            ended.charges,
            ends,
        )
    )
