"""Python and TypeScript types from widgets.schema.json, the one source of the widget types.

Only the words of JSON Schema that the file uses are understood; any other is an error, so that no rule gets lost on the way.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

Schema = dict[str, Any]
SOURCE = "src/portico/domains/dashboards/widgets.schema.json"
ROOT = Path(__file__).parent.parent
_BOUNDS = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_length",
    "maxItems": "max_length",
    "maxProperties": "max_length",
    "minimum": "ge",
    "maximum": "le",
    "pattern": "pattern",
}
# Said to people, or checked elsewhere: which days exist and that ids stand once is in the domain's model.
_SILENT = {"title", "description", "default", "format", "uniqueItems", "x-shows"}
_STRUCTURE = {"type", "properties", "required", "additionalProperties", "propertyNames", "items"}
_STRUCTURE |= {"$ref", "enum", "const", "oneOf"}
_PYTHON = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_TYPESCRIPT = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


class NotUnderstood(Exception):
    pass


def load_schema() -> Schema:
    schema: Schema = json.loads((ROOT / SOURCE).read_text())
    return schema


def check_words(schema: Schema, where: str) -> None:
    """Every schema within `schema` uses known words only, and every object is closed or a map."""
    unknown = schema.keys() - _STRUCTURE - _SILENT - _BOUNDS.keys()
    if unknown:
        raise NotUnderstood(f"{where}: the generator does not know {sorted(unknown)}")
    if "properties" in schema and schema.get("additionalProperties") is not False:
        raise NotUnderstood(f"{where}: an object with properties must say additionalProperties: false")
    for name, inner in schema.get("properties", {}).items():
        check_words(inner, f"{where}.{name}")
    for word in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(word), dict):
            check_words(schema[word], f"{where}/{word}")
    for inner in schema.get("oneOf", []):
        check_words(inner, where)


def _is_record(schema: Schema) -> bool:
    return "properties" in schema


def _needed(schema: Schema) -> set[str]:
    """The definitions that must stand before this one."""
    found = {str(schema["$ref"]).rpartition("/")[2]} if "$ref" in schema else set()
    for word in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(word), dict):
            found |= _needed(schema[word])
    for inner in (*schema.get("properties", {}).values(), *schema.get("oneOf", [])):
        found |= _needed(inner)
    return found


def in_order(definitions: dict[str, Schema]) -> list[str]:
    """Names so that each stands after those it needs, else as in the file."""
    placed: list[str] = []

    def place(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise NotUnderstood(f"{name} contains itself")
        for needed in sorted(_needed(definitions[name])):
            place(needed, (*above, name))
        if name not in placed:
            placed.append(name)

    for name in definitions:
        place(name, ())
    return placed


# --- Python -----------------------------------------------------------------------------------------------------------


def python_module(schema: Schema | None = None) -> str:
    """A module of msgspec structs that check exactly what the schema checks."""
    definitions = (load_schema() if schema is None else schema)["$defs"]
    lines = [
        '"""The types of widgets and of a dashboard\'s state. Made from widgets.schema.json; do not edit (`make generate`)."""',
        "",
        "from typing import Annotated, Any, Literal, TypeAlias",
        "",
        "from msgspec import UNSET, Meta, Struct, UnsetType, field",
        "",
    ]
    for name in in_order(definitions):
        check_words(definitions[name], name)
        lines += _python_record(name, definitions[name]) if _is_record(definitions[name]) else _alias(name, definitions)
    return _formatted("\n".join(lines) + "\n")


def _alias(name: str, definitions: dict[str, Schema]) -> list[str]:
    return [f"{name}: TypeAlias = {_python(definitions[name])}"]


def _python_record(name: str, schema: Schema) -> list[str]:
    tag = schema["properties"].get("type", {}).get("const")
    tagged = f', tag="{tag}", tag_field="type"' if tag else ""
    lines = ["", "", f"class {name}(Struct, kw_only=True, forbid_unknown_fields=True{tagged}):"]
    if "description" in schema:
        lines += [f'    """{schema["description"]}"""', ""]
    for field, inner in schema["properties"].items():
        if field == "type" and tag:
            continue
        optional = field not in schema.get("required", [])
        kind = _python(inner) + (" | UnsetType" if optional else "")
        # A field may not hide the schema of the class itself.
        renamed = field == "schema"
        default = {(True, False): " = UNSET", (False, True): f' = field(name="{field}")'}.get((optional, renamed), "")
        lines.append(f"    {'schema_version' if renamed else field}: {kind}{default}")
    return [*lines, "", ""]


def _python(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema or "enum" in schema:
        values = [schema["const"]] if "const" in schema else schema["enum"]
        return f"Literal[{', '.join(_quoted(value) for value in values)}]"
    if "oneOf" in schema:
        return " | ".join(_python(inner) for inner in schema["oneOf"])
    kinds = schema.get("type")
    if kinds is None:
        return "Any"
    if isinstance(kinds, list):
        return " | ".join(_python({**_bounds_for(kind, schema), "type": kind}) for kind in kinds)
    return _annotated(_python_plain(kinds, schema), schema)


def _python_plain(kind: str, schema: Schema) -> str:
    if kind == "array":
        return f"list[{_python(schema['items'])}]"
    if kind == "object":
        names = _python(schema.get("propertyNames", {"type": "string"}))
        return f"dict[{names}, {_python(schema['additionalProperties'])}]"
    return _PYTHON[kind]


def _bounds_for(kind: str, schema: Schema) -> Schema:
    words = {"string": ("minLength", "maxLength", "pattern"), "number": ("minimum", "maximum")}.get(kind, ())
    return {word: schema[word] for word in words if word in schema}


def _annotated(plain: str, schema: Schema) -> str:
    # Python's $ also matches before a newline at the end; \Z is what the schema means.
    rules = {
        python: re.sub(r"\$$", r"\\Z", schema[word]) if word == "pattern" else schema[word]
        for word, python in _BOUNDS.items()
        if word in schema
    }
    if not rules:
        return plain
    return f"Annotated[{plain}, Meta({', '.join(f'{name}={_raw(value)}' for name, value in rules.items())})]"


def _quoted(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _raw(value: object) -> str:
    return f'r"{value}"' if isinstance(value, str) else repr(value)


def _formatted(text: str) -> str:
    ruff = [sys.executable, "-m", "ruff", "format", "--config", str(ROOT / "pyproject.toml"), "-"]
    done = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    return done.stdout


# --- TypeScript -------------------------------------------------------------------------------------------------------


def typescript_module(schema: Schema | None = None) -> str:
    """Interfaces of the same shapes, and what the picker shows of each widget type."""
    definitions = (load_schema() if schema is None else schema)["$defs"]
    lines = [
        "/** Made from widgets.schema.json, the one source of the widget types; do not edit (`make generate`). */",
        "",
    ]
    for name in in_order(definitions):
        described = definitions[name]
        check_words(described, name)
        if "description" in described:
            lines.append(f"/** {described['description']} */")
        lines += _interface(name, described) if _is_record(described) else _type(name, described)
        lines.append("")
    lines += _widget_list(definitions)
    return "\n".join(lines) + "\n"


def _interface(name: str, schema: Schema) -> list[str]:
    lines = [f"export interface {name} {{"]
    for field, inner in schema["properties"].items():
        if "description" in inner:
            lines.append(f"  /** {inner['description']} */")
        lines.append(f"  {field}{'' if field in schema.get('required', []) else '?'}: {_typescript(inner)};")
    return [*lines, "}"] if schema["properties"] else [f"export type {name} = Record<string, never>;"]


def _type(name: str, schema: Schema) -> list[str]:
    if "oneOf" in schema:
        return [f"export type {name} =", *(f"  | {_typescript(inner)}" for inner in schema["oneOf"][:-1]),
                f"  | {_typescript(schema['oneOf'][-1])};"]  # fmt: skip
    return [f"export type {name} = {_typescript(schema)};"]


def _typescript(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema or "enum" in schema:
        return " | ".join(json.dumps(value) for value in ([schema["const"]] if "const" in schema else schema["enum"]))
    kinds = schema.get("type")
    if kinds is None:
        return "unknown"
    if isinstance(kinds, list):
        return " | ".join(_TYPESCRIPT[kind] for kind in kinds)
    if kinds == "array":
        inner = _typescript(schema["items"])
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if kinds == "object":
        return f"Record<string, {_typescript(schema['additionalProperties'])}>"
    return _TYPESCRIPT[kinds]


def _widget_list(definitions: dict[str, Schema]) -> list[str]:
    lines = ['export type WidgetType = Widget["type"];', "", "/** Every widget type, in the order of the picker. */"]
    lines.append('export const WIDGETS: { type: WidgetType; shows: "payload" | "live"; description: string }[] = [')
    for reference in definitions["Widget"]["oneOf"]:
        of = definitions[_typescript(reference)]
        lines += [
            "  {",
            f"    type: {json.dumps(of['properties']['type']['const'])},",
            f"    shows: {json.dumps(of['x-shows'])},",
            f"    description: {json.dumps(of['description'], ensure_ascii=False)},",
            "  },",
        ]
    return [*lines, "];"]
