"""What each stage hands on: RawCall -> KnownCall -> AdmittedCall -> RoutedCall. A richer type is a check that was passed."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from portico.domains.limits.ledger import Hold, Spend
from portico.gateway.view import ServiceView, Target, Who
from portico.gateway.wire.head import Head, Header

if TYPE_CHECKING:
    from portico.domains.limits.rate import RateBucket

DialectName = Literal["openai", "http"]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call used; `estimated` when the service did not report it."""

    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False


class Meter(Protocol):
    """Watches the answer of one call go by."""

    def feed(self, chunk: bytes) -> bytes:
        """Count `chunk` and return what the client gets of it."""
        ...

    def finish(self) -> bytes:
        """What was held back and goes out at the end."""
        ...

    def usage(self, *, complete: bool) -> Usage: ...


@dataclass(slots=True)
class RawCall:
    """A call as its dialect read it. Only fields that are acted upon are typed; the body travels verbatim.

    name        the service, or for model calls the model, that is asked for
    body        the whole body; None while it is passed on as a stream
    output_max  most output tokens the caller allows, None when the call does not say
    """

    id: str
    dialect: DialectName
    head: Head
    address: str
    correlation_id: str
    trace_id: str
    traceparent: bytes
    began_ns: int
    began_us: int
    name: str
    upstream_path: bytes
    body: bytes | None
    model: str | None = None
    streamed: bool = False
    choices: int = 1
    output_max: int | None = None
    wants_usage: bool = True
    bounded_output: bool = True


@dataclass(slots=True)
class KnownCall:
    """`service` is filled in as soon as it is found, so that a refusal after that can be recorded where it belongs."""

    raw: RawCall
    who: Who
    service: ServiceView | None = None


@dataclass(slots=True)
class AdmittedCall:
    """Its holds are settled exactly once, however the call ends."""

    known: KnownCall
    service: ServiceView
    holds: list[Hold]
    bound: Spend
    tightest: "tuple[RateBucket, float] | None" = None
    journaled: bool = False


@dataclass(slots=True)
class RoutedCall:
    admitted: AdmittedCall
    targets: list[Target]
    extra_headers: list[Header] = field(default_factory=list)
