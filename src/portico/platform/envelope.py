"""The one error body that leaves Portico, whichever door it leaves by."""

from datetime import datetime

import orjson

from portico.kernel.clock import rfc3339
from portico.kernel.errors import Refusal


def envelope(refusal: Refusal, *, correlation_id: str, trace_id: str, path: str, at: datetime) -> bytes:
    row = refusal.row
    error: dict[str, object] = {
        "code": row.e_code,
        "message": refusal.message,
        "details": refusal.details or row.next_step,
        "timestamp": rfc3339(at),
        "path": path,
        "trace_id": trace_id,
        "fields": [{"field": each.field, "message": each.message} for each in refusal.fields],
        "retryable": row.retryable,
    }
    if refusal.retry_after_s is not None:
        error["retry_after_s"] = round(refusal.retry_after_s, 3)
    return orjson.dumps(
        {"code": row.name, "message": refusal.message, "correlation_id": correlation_id, "error": error}
    )
