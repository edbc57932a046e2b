"""The OpenAPI document as clients should read it: our error body instead of the framework's, and how to sign in."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from portico.api.identify import PUBLIC

_ERROR = {
    "type": "object",
    "description": "The body of every answer that is not a success.",
    "required": ["code", "message", "correlation_id", "error"],
    "properties": {
        "code": {"type": "string", "description": "Name of the error, e.g. INVALID_INPUT."},
        "message": {"type": "string"},
        "correlation_id": {"type": "string"},
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "timestamp", "path", "trace_id", "fields"],
            "properties": {
                "code": {"type": "string", "description": "Code of the error, e.g. E9302."},
                "message": {"type": "string"},
                "details": {"type": "string", "description": "What to do next."},
                "timestamp": {"type": "string", "format": "date-time"},
                "path": {"type": "string"},
                "trace_id": {"type": "string"},
                "fields": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["field", "message"],
                        "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                    },
                },
                "retryable": {"type": "boolean"},
                "retry_after_s": {"type": "number"},
            },
        },
    },
}
_FAILURE = {
    "description": "Refused or failed; see the body.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


def describe(app: FastAPI) -> None:
    """Make `app.openapi()` give the document below, computed once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Error"] = _ERROR
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _FAILURE
            operation["security"] = [] if (method.upper(), path) in PUBLIC else [{"bearer": []}]
    return document
