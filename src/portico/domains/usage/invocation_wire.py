from portico.domains.usage.invocations import Invocation
from portico.domains.usage.model import Verdict
from portico.domains.usage.wire import CallerWire, ReasonWire, reason_wire
from portico.platform.web import Moment, Wire


class InvocationWire(Wire):
    """`pin` is the definition that was called, `arguments_sha256` the digest of the arguments as canonical JSON; both are
    null for a call that was refused before. `executed`: it left for the server, and was not answered from what was kept."""

    call_id: str
    at: Moment
    principal: CallerWire
    server: str
    service_id: str
    tool: str
    pin: str | None
    arguments_sha256: str | None
    idempotency_key: str | None
    outcome: Verdict
    executed: bool
    cached: bool
    attempts: int
    status: int
    error: ReasonWire | None
    duration_us: int


def invocation_wire(invocation: Invocation) -> InvocationWire:
    line, guard = invocation.line, invocation.guard
    return InvocationWire(
        call_id=line.id,
        at=invocation.record.at,
        principal=CallerWire(kind=line.principal_kind, id=line.principal_id, name=line.principal_name),
        server=line.service,
        service_id=line.service_id,
        tool=line.model or "",
        pin=guard.pin or None,
        arguments_sha256=guard.arguments or None,
        idempotency_key=guard.key or None,
        outcome=line.verdict,
        executed=invocation.executed,
        cached=line.cached,
        attempts=line.attempts,
        status=line.status,
        error=reason_wire(line),
        duration_us=line.duration_us,
    )
