"""The document that clients are made from: every operation has a name, a place and a stated answer; closed sets are stated."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from portico.api.openapi import TAGS
from portico.domains.tenancy.model import PERMISSIONS, ROLES

FILE = Path(__file__).parents[2] / "web" / "openapi.json"
# What answers with a file instead of a JSON object.
DOWNLOADS = {"GET /api/v1/event-archives/{archive_id}": "application/x-ndjson"}


@pytest.fixture
def document(app: FastAPI) -> dict[str, Any]:
    found: dict[str, Any] = app.openapi()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def test_every_operation_has_a_name_of_its_own_and_one_known_tag(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() and "api_v1" not in name for name in names)
    used = [tag for _, operation in operations(document) for tag in operation["tags"]]
    assert set(used) == set(TAGS) == {tag["name"] for tag in document["tags"]}
    assert len(used) == len(names)


@pytest.mark.req("SP9")
def test_every_operation_states_its_answer_and_the_one_error_body(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        (status, good), (default, failure) = operation["responses"].items()
        assert default == "default", name
        assert failure["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
        assert status in {"200", "201", "204"}, name
        if status == "204":
            assert "content" not in good, name
        elif name in DOWNLOADS:
            assert set(good["content"]) == {DOWNLOADS[name]}, name
        else:
            assert good["content"]["application/json"]["schema"]["$ref"], name


def test_every_reference_leads_to_a_schema_and_every_schema_is_used(document: dict[str, Any]) -> None:
    used = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert used == set(document["components"]["schemas"])
    assert not [name for name in used if name.endswith("Wire") or "__" in name]


@pytest.mark.parametrize(
    ("schema", "field", "values"),
    [
        ("Call", "verdict", ["allowed", "refused", "failed", "cancelled"]),
        ("Call", "dialect", ["openai", "anthropic", "responses", "http", "mcp", "a2a"]),
        ("Caller", "kind", ["key", "person", "anonymous"]),
        ("Breaker", "state", ["closed", "open", "half_open", "recovering"]),
        ("BudgetSubject", "kind", ["org", "scope", "principal"]),
        ("LimitSubject", "kind", ["org", "scope", "key", "address"]),
        ("MethodAsk", "http_method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]),
        ("ServiceAsk", "kind", ["http", "model", "tools", "agent"]),
        ("Member", "role", list(ROLES)),
        ("GrantAsk", "permission", ["services.read", "services.call", "services.manage"]),
    ],
)
def test_closed_sets_are_stated(document: dict[str, Any], schema: str, field: str, values: list[str]) -> None:
    assert document["components"]["schemas"][schema]["properties"][field]["enum"] == values


def test_a_key_names_the_permissions_there_are(document: dict[str, Any]) -> None:
    for schema in ("Key", "KeyAsk", "Me"):
        items = document["components"]["schemas"][schema]["properties"]["permissions"]["items"]
        assert items["enum"] == list(PERMISSIONS)


def test_a_partial_change_states_no_defaults(document: dict[str, Any]) -> None:
    patches = {name: schema for name, schema in document["components"]["schemas"].items() if name.endswith("Patch")}
    assert len(patches) >= 8
    for schema in patches.values():
        assert not [name for name, field in schema["properties"].items() if "default" in field]
    assert document["components"]["schemas"]["BudgetAsk"]["properties"]["warn_at_percent"]["default"] == 80


def test_the_file_of_the_web_client_is_the_current_document(document: dict[str, Any]) -> None:
    assert json.loads(FILE.read_text()) == document, "web/openapi.json is old; run: make generate"
