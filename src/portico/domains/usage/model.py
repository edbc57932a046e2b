"""What a gateway writes about a call, and how control reads it back; lines.py says how it looks in a file.

The journal is the truth about calls until it is folded into tables; a line is complete when it ends in a newline.
Journal files: `<data_dir>/journal/<gateway_id>/<epoch>-<number>.jsonl`; an epoch is one life of a gateway process.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from portico.kernel.ids import hex_of

Verdict = Literal["allowed", "refused", "failed", "cancelled"]
PrincipalKind = Literal["key", "person", "anonymous"]
Moment = Annotated[int, Meta(ge=0, lt=253_402_300_800_000_000)]  # up to the year 10000
Amount = Annotated[int, Meta(ge=0, le=2**62)]
STAGES = ("identify", "admit", "route", "forward", "relay", "settle")


class Stage(Struct, frozen=True, array_like=True):
    """One stage of the pipeline: when it began after the call's start, how long it took, and a note in words."""

    name: str
    start_us: int
    took_us: int
    note: str = ""


class Charge(Struct, frozen=True, array_like=True, gc=False):
    """One budget's part of one call, in the budget's own unit (µUSD, tokens or calls).

    held      reserved before the call left
    charged   what it came to; 0 releases the hold
    """

    budget_id: str
    window_started_at_us: Moment
    held: Amount
    charged: Amount


class CallLine(Struct, frozen=True):
    """A finished call with its settlement. Times in µs; `at_us` is µs since 1970.

    trace   the trace that the client brought and the span of its that called, `trace-span`; empty when it brought none
    """

    id: str
    at_us: int
    org_id: str
    scope: str
    principal_kind: PrincipalKind
    principal_id: str
    principal_name: str
    service_id: str
    service: str
    service_kind: str
    dialect: str
    method: str
    path: str
    verdict: Verdict
    status: int
    snapshot_version: int
    correlation_id: str
    trace: str
    duration_us: int
    version: str | None = None
    endpoint: str | None = None
    endpoint_id: str | None = None
    canary: bool = False
    model: str | None = None
    reason: str | None = None
    message: str | None = None
    streamed: bool = False
    cached: bool = False
    attempts: int = 0
    added_us: int = 0
    first_byte_us: int | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_estimated: bool = False
    cost_microusd: int = 0
    reserved_microusd: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    charges: tuple[Charge, ...] = ()
    stages: tuple[Stage, ...] = ()
    address: str | None = None

    @property
    def trace_id(self) -> str:
        return self.trace[:32] or hex_of(self.id)

    @property
    def span_id(self) -> str:
        """As the service was told it in `traceparent`."""
        return hex_of(self.id)[16:]

    @property
    def parent_span_id(self) -> str | None:
        return self.trace[33:] or None


class ReserveLine(Struct, frozen=True):
    """Budget held for a call that is about to leave; without a CallLine after it, it lapses at full price.

    Carries enough of the call to show in the record what was under way when the gateway died.
    """

    id: str
    at_us: int
    org_id: str
    scope: str
    principal_kind: PrincipalKind
    principal_id: str
    principal_name: str
    service_id: str
    service: str
    service_kind: str
    dialect: str
    method: str
    path: str
    correlation_id: str
    snapshot_version: int
    reserved_microusd: int
    charges: tuple[Charge, ...]
    model: str | None = None


class OpenLine(Struct, frozen=True):
    """First line of an epoch."""

    gateway_id: str
    epoch: str
    at_us: int


JournalLine = CallLine | ReserveLine | OpenLine
