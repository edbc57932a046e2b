"""What each stage hands on: RawCall -> KnownCall -> AdmittedCall -> RoutedCall. A richer type is a check that was passed.

Plain classes, not dataclasses: what a call makes, it makes every time, and only these compile to direct stores.
"""

from typing import TYPE_CHECKING, Literal, Protocol

from portico.domains.limits.ledger import Hold, Spend
from portico.domains.usage.lines import own_correlation
from portico.gateway.view import ServiceView, Target, Who
from portico.gateway.wire.head import Head

if TYPE_CHECKING:
    from portico.domains.limits.rate import RateBucket
    from portico.gateway.choose import Choice
    from portico.gateway.guard import Guarded

DialectName = Literal["openai", "anthropic", "responses", "http", "mcp", "a2a"]


class Usage:
    """What a call used; `estimated` when the service did not report it."""

    __slots__ = ("estimated", "tokens_in", "tokens_out")

    def __init__(self, tokens_in: int = 0, tokens_out: int = 0, *, estimated: bool = False) -> None:
        self.tokens_in, self.tokens_out, self.estimated = tokens_in, tokens_out, estimated


class Meter(Protocol):
    """Watches the answer of one call go by."""

    def feed(self, chunk: bytes) -> bytes:
        """Count `chunk` and return what the client gets of it."""
        ...

    def finish(self) -> bytes:
        """What was held back and goes out at the end."""
        ...

    def usage(self, *, complete: bool) -> Usage: ...


class RawCall:
    """A call as its dialect read it. Only fields that are acted upon are typed; the body travels verbatim.

    name        the service, or for model calls the model, that is asked for
    is_model    whether it goes to a model service, in whichever dialect it came
    operation   what the dialect calls it, when that says more than the HTTP method
    body        the whole body; None while it is passed on as a stream
    choice      which model was chosen for a name that is not simply a model's
    guarded     what the guard of tool calls found, when it let one through
    task        what a dialect other than the service's said that the call is for
    output_max  most output tokens the caller allows, None when the call does not say
    brought_correlation   the correlation id if the client brought it, else empty
    brought_trace         the client's trace and span, `trace-span`, if it brought them, else empty
    """

    __slots__ = (
        "address",
        "began_ns",
        "began_us",
        "body",
        "bounded_output",
        "brought_correlation",
        "brought_trace",
        "choice",
        "choices",
        "correlation_id",
        "dialect",
        "guarded",
        "head",
        "id",
        "is_model",
        "model",
        "name",
        "operation",
        "output_max",
        "streamed",
        "task",
        "traceparent",
        "upstream_path",
        "wants_usage",
    )

    def __init__(
        self,
        call_id: str,
        dialect: DialectName,
        head: Head,
        address: str,
        brought_correlation: str,
        brought_trace: str,
        traceparent: bytes,
        began_us: int,
    ) -> None:
        self.id, self.dialect, self.head, self.address = call_id, dialect, head, address
        self.brought_correlation, self.brought_trace, self.traceparent = brought_correlation, brought_trace, traceparent
        self.correlation_id = brought_correlation or own_correlation(call_id)
        self.began_ns, self.began_us = 0, began_us
        self.is_model = dialect == "openai"
        self.name, self.upstream_path = "", b"/"
        self.body: bytes | None = None
        self.model: str | None = None
        self.operation = ""
        self.streamed, self.wants_usage, self.bounded_output = False, True, True
        self.choices = 1
        self.output_max: int | None = None
        self.choice: Choice | None = None
        self.guarded: Guarded | None = None
        self.task = ""

    @property
    def trace_id(self) -> str:
        return self.traceparent[3:35].decode()


class KnownCall:
    """`service` is filled in as soon as it is found, so that a refusal after that can be recorded where it belongs."""

    __slots__ = ("raw", "service", "who")

    def __init__(self, raw: RawCall, who: Who) -> None:
        self.raw, self.who = raw, who
        self.service: ServiceView | None = None


class AdmittedCall:
    """Its holds are settled exactly once, however the call ends."""

    __slots__ = ("bound", "holds", "journaled", "known", "service", "tightest")

    def __init__(
        self,
        known: KnownCall,
        service: ServiceView,
        holds: list[Hold],
        bound: Spend,
        tightest: "tuple[RateBucket, float] | None",
    ) -> None:
        self.known, self.service, self.holds, self.bound, self.tightest = known, service, holds, bound, tightest
        self.journaled = False


class RoutedCall:
    __slots__ = ("admitted", "targets")

    def __init__(self, admitted: AdmittedCall, targets: list[Target]) -> None:
        self.admitted, self.targets = admitted, targets
