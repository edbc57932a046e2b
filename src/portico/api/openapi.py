"""The OpenAPI document as clients should read it: our words for things, our error body, and how to sign in."""

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from portico.api.identify import PUBLIC

TAGS = {
    "auth": "Signing in and out, switching org and scope, tickets for the socket.",
    "orgs": "Orgs, and founding, suspending and deleting them.",
    "superadmins": "Who may act on the whole installation.",
    "scopes": "The parts that an org is divided into.",
    "members": "People in the org, invitations, and grants on single services.",
    "keys": "API keys for agents and programs.",
    "services": "The hub: services, their versions, endpoints and leases.",
    "agents": "Agents that speak A2A: their cards, health and tasks, and which of them takes a task.",
    "models": "What services offer, what is said of it, and names that stand for one of several models.",
    "tools": "What MCP servers offer, which of it is approved, and what was called.",
    "policies": "Which tools may be called, by whom, with what; and a simulator that says why.",
    "limits": "How often something may be called.",
    "budgets": "How much may be spent, and what has been.",
    "secrets": "Credentials for services; values go in and never come out.",
    "calls": "The record of every call, and what the calls add up to.",
    "overview": "What stands on the first page.",
    "events": "The org's log of what happened.",
    "webhooks": "Endpoints that get the org's events, signed, and the log of what was sent to them.",
    "notices": "What a person should know of without looking for it.",
    "dashboards": "Widgets on pages that people share and edit together, and what programs propose for them.",
    "audit": "Who did what, in a chain that can be verified.",
    "installation": "Settings and the state of the parts.",
}
_ERROR = {
    "type": "object",
    "description": "The body of every answer that is not a success.",
    "required": ["code", "message", "correlation_id", "error"],
    "properties": {
        "code": {"type": "string", "description": "Name of the error, e.g. INVALID_INPUT."},
        "message": {"type": "string"},
        "correlation_id": {"type": "string"},
        "error": {"$ref": "#/components/schemas/ErrorFacts"},
    },
}
_ERROR_FACTS = {
    "type": "object",
    "required": ["code", "message", "details", "timestamp", "path", "trace_id", "fields"],
    "properties": {
        "code": {"type": "string", "description": "Code of the error, e.g. E9302."},
        "message": {"type": "string"},
        "details": {"type": "string", "description": "What to do next."},
        "timestamp": {"type": "string", "format": "date-time"},
        "path": {"type": "string"},
        "trace_id": {"type": "string"},
        "fields": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
        "retryable": {"type": "boolean"},
        "retry_after_s": {"type": "number"},
    },
}
_FIELD_ERROR = {
    "type": "object",
    "required": ["field", "message"],
    "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
}
_FAILURE = {
    "description": "Refused or failed; see the body.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_LISTING = re.compile(r"Listing_(\w+)Wire_")
_SCHEMAS = "#/components/schemas/"


def operation_id(route: APIRoute) -> str:
    """What the operation is called in the code; generated clients name their functions after it."""
    return route.name


def describe(app: FastAPI) -> None:
    """Make `app.openapi()` give the document below, computed once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    tags = [{"name": name, "description": text} for name, text in TAGS.items()]
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes, tags=tags)
    document: dict[str, Any] = _in_our_words(made)
    components = document.setdefault("components", {})
    found = {_said(name): schema for name, schema in components.get("schemas", {}).items()}
    for unused in ("HTTPValidationError", "ValidationError"):
        found.pop(unused, None)
    found |= {"Error": _ERROR, "ErrorFacts": _ERROR_FACTS, "FieldError": _FIELD_ERROR}
    components["schemas"] = dict(sorted(found.items()))
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _FAILURE
            operation["security"] = [] if (method.upper(), path) in PUBLIC else [{"bearer": []}]
    return document


def _said(name: str) -> str:
    """`ServiceWire` is a Service to everybody outside, and `Listing[ServiceWire]` a ServiceList."""
    return _LISTING.sub(r"\1List", name).removesuffix("Wire")


def _in_our_words(part: Any) -> Any:
    """References by those names; titles that only repeat a field's name are left out."""
    if isinstance(part, list):
        return [_in_our_words(each) for each in part]
    if not isinstance(part, dict):
        return part
    kept = {name: _in_our_words(each) for name, each in part.items() if not _is_title(name, each, part)}
    reference = kept.get("$ref")
    if isinstance(reference, str):
        kept["$ref"] = _SCHEMAS + _said(reference.removeprefix(_SCHEMAS))
    return kept


def _is_title(name: str, value: Any, owner: dict[str, Any]) -> bool:
    return name == "title" and isinstance(value, str) and "version" not in owner
