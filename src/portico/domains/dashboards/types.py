"""The widget types, as the schema describes them to people and programs."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WidgetType:
    """`options` is the JSON schema of the widget's options, with every reference put in its place."""

    type: str
    shows: Literal["payload", "live"]
    description: str
    options: Schema


@cache
def widget_types() -> tuple[WidgetType, ...]:
    """In the order of the schema, which is that of the picker."""
    schema = load_schema()
    kinds = [_resolved(each, schema["$defs"]) for each in schema["$defs"]["Widget"]["oneOf"]]
    return tuple(
        WidgetType(
            each["properties"]["type"]["const"], each["x-shows"], each["description"], each["properties"]["options"]
        )
        for each in kinds
    )


@cache
def load_schema() -> Schema:
    text = resources.files("portico.domains.dashboards").joinpath("widgets.schema.json").read_text()
    schema: Schema = json.loads(text)
    return schema


def _resolved(node: Any, definitions: Schema) -> Any:
    if isinstance(node, list):
        return [_resolved(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        beside = {name: value for name, value in node.items() if name != "$ref"}
        return _resolved(definitions[node["$ref"].rpartition("/")[2]], definitions) | beside
    return {name: _resolved(value, definitions) for name, value in node.items()}
