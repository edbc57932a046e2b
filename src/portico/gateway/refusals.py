"""The gateway's own refusals, and the one place that writes a refusal as an HTTP answer."""

from datetime import UTC, datetime

from portico.kernel.errors import Refusal
from portico.platform.envelope import envelope as one_envelope


class RouteNotFound(Refusal):
    code = "ROUTE_NOT_FOUND"


class MalformedRequest(Refusal):
    code = "BAD_REQUEST"


class MalformedJson(Refusal):
    code = "BAD_JSON"


class BodyTooLarge(Refusal):
    code = "TOO_LARGE"

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"The body is larger than {most_bytes} bytes.")


class CallNotPermitted(Refusal):
    code = "NOT_AUTHORIZED"


class ServiceNotAllowed(Refusal):
    code = "SERVICE_NOT_ALLOWED"

    def __init__(self, service: str) -> None:
        super().__init__(f"This key may not call the service {service!r}.")


class NotReady(Refusal):
    code = "NOT_READY"


class RecordUnavailable(Refusal):
    code = "RECORD_UNAVAILABLE"

    def __init__(self, trouble: str) -> None:
        super().__init__(f"Calls are refused because {trouble}.")


class NoEndpoint(Refusal):
    code = "NO_ENDPOINT"

    def __init__(self, service: str) -> None:
        super().__init__(f"The service {service!r} has no endpoint that can take this call.")


class BadVersion(Refusal):
    code = "BAD_VERSION"

    def __init__(self, service: str, version: str) -> None:
        super().__init__(f"The service {service!r} has no active version {version!r}.")


class BreakerOpen(Refusal):
    code = "BREAKER_OPEN"

    def __init__(self, service: str, reason: str, retry_after_s: float) -> None:
        super().__init__(f"The breaker of {service!r} is open: {reason}.")
        self._retry_after_s = retry_after_s

    @property
    def retry_after_s(self) -> float | None:
        return self._retry_after_s


class TooManyWaiting(Refusal):
    code = "TOO_MANY_WAITING"

    def __init__(self, service: str) -> None:
        super().__init__(f"Too many calls already wait for the service {service!r}.")


class ModelRetired(Refusal):
    code = "MODEL_RETIRED"

    def __init__(self, model: str, successor: str) -> None:
        instead = f" Ask for {successor!r} instead." if successor else ""
        super().__init__(f"The model {model!r} is retired.{instead}")


class NoModel(Refusal):
    code = "NO_MODEL"

    def __init__(self, route: str, why: str) -> None:
        super().__init__(f"No model of the route {route!r} can take this call: {why}.")


class UpstreamUnreachableRefusal(Refusal):
    code = "UPSTREAM_UNREACHABLE"


class UpstreamTimeout(Refusal):
    code = "UPSTREAM_TIMEOUT"


class UpstreamBrokenRefusal(Refusal):
    code = "UPSTREAM_BROKEN"


class EgressRefusedHere(Refusal):
    code = "EGRESS_REFUSED"


class BadIdempotencyKey(Refusal):
    code = "BAD_IDEMPOTENCY_KEY"


class IdempotencyInFlight(Refusal):
    code = "IDEMPOTENCY_IN_FLIGHT"


class Coded(Refusal):
    """A refusal of the wire, where the code was decided by the parser's side."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]


def envelope(refusal: Refusal, correlation_id: str, path: str, trace_id: str) -> bytes:
    """The one error body (C1), stamped now."""
    return one_envelope(refusal, correlation_id=correlation_id, trace_id=trace_id, path=path, at=datetime.now(UTC))
