"""How models and their providers look to clients, with what was measured."""

from typing import Literal

from portico.domains.models import public as models
from portico.domains.usage.matrix import Connection, EndpointConnection, MatrixRow, Measured
from portico.platform.db import from_micros
from portico.platform.web import Moment, Wire


class ModelMeasuresWire(Wire):
    """On the newest 3,000 model calls of the last day; times in µs, of calls that were answered well."""

    calls: int
    failed: int
    error_rate: float
    p50_us: int | None
    p95_us: int | None
    first_byte_p50_us: int | None
    first_byte_p95_us: int | None
    tokens_out: int
    cost_microusd: int
    last_success_at: Moment | None
    last_failure_at: Moment | None
    last_failure: str | None


class ModelMatrixWire(models.ModelWire):
    """`measured` null: the reader may not see calls."""

    measured: ModelMeasuresWire | None


class ModelBreakerWire(Wire):
    state: Literal["closed", "open", "half_open", "recovering"]
    reason: str
    since: Moment
    probe_at: Moment | None


class ModelEndpointWire(Wire):
    """`breaker` null: no gateway reports anything but a closed one."""

    id: str
    url: str
    health: Literal["unknown", "healthy", "unhealthy"]
    last_checked_at: Moment | None
    last_error: str | None
    breaker: ModelBreakerWire | None


class ModelConnectionWire(Wire):
    service_id: str
    service: str
    status: Literal["healthy", "degraded", "unhealthy", "unknown"]
    models: list[str]
    endpoints: list[ModelEndpointWire]
    measured: ModelMeasuresWire | None


def matrix_wire(row: MatrixRow) -> ModelMatrixWire:
    return ModelMatrixWire(**dict(models.model_wire(row.model)), measured=_measured(row.measured))


def connection_wire(connection: Connection) -> ModelConnectionWire:
    service = connection.service
    return ModelConnectionWire(
        service_id=service.id,
        service=service.name,
        status=service.status,
        models=list(service.models),
        endpoints=[_endpoint(each) for each in connection.endpoints],
        measured=_measured(connection.measured),
    )


def _endpoint(connection: EndpointConnection) -> ModelEndpointWire:
    endpoint, reading = connection.endpoint, connection.breaker
    breaker = None
    if reading is not None:
        breaker = ModelBreakerWire(
            state=reading.state,
            reason=reading.reason,
            since=from_micros(reading.since_us),
            probe_at=None if reading.probe_at_us is None else from_micros(reading.probe_at_us),
        )
    return ModelEndpointWire(
        id=endpoint.id,
        url=endpoint.url,
        health=endpoint.health,
        last_checked_at=endpoint.last_checked_at,
        last_error=endpoint.last_error,
        breaker=breaker,
    )


def _measured(measured: Measured | None) -> ModelMeasuresWire | None:
    if measured is None:
        return None
    return ModelMeasuresWire(
        calls=measured.calls,
        failed=measured.failed,
        error_rate=round(measured.failed / measured.calls, 4) if measured.calls else 0.0,
        p50_us=measured.duration(0.5),
        p95_us=measured.duration(0.95),
        first_byte_p50_us=measured.first_byte(0.5),
        first_byte_p95_us=measured.first_byte(0.95),
        tokens_out=measured.tokens_out,
        cost_microusd=measured.cost_microusd,
        last_success_at=measured.last_success_at,
        last_failure_at=measured.last_failure_at,
        last_failure=measured.last_failure,
    )
