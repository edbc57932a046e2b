"""RFC 6902 on a dashboard's state: add, remove and replace, on the paths that clients may write."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from portico.domains.dashboards.canonical import NotCanonical, canonical
from portico.kernel.errors import InvalidInput

Verb = Literal["add", "remove", "replace"]
MAX_OPERATIONS = 200
MAX_PATH_CHARS = 512
MAX_PATCH_BYTES = 96 * 1024
_INDEX = re.compile(r"0|[1-9][0-9]{0,5}")
_WRONG_ESCAPE = re.compile(r"~(?![01])")
_PATHS = "/layout, /order, /widgets/{id} and below, /view/{name} and below"


@dataclass(frozen=True, slots=True)
class Operation:
    verb: Verb
    path: tuple[str, ...]
    value: Any = None

    def as_json(self) -> dict[str, Any]:
        pointer = "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in self.path)
        return {"op": self.verb, "path": pointer} | ({} if self.verb == "remove" else {"value": self.value})


def parse_patch(patch: Any) -> tuple[Operation, ...]:
    """raises InvalidInput that names the operation"""
    if not isinstance(patch, list) or not 1 <= len(patch) <= MAX_OPERATIONS:
        raise InvalidInput("patch", f"must be a list of 1 to {MAX_OPERATIONS} operations")
    # From here on each value is what it will be when it is read again: 1.0 is 1, and nothing is out of a number's range.
    plain = orjson.loads(_sized(patch))
    return tuple(_parse(operation, f"patch.{index}") for index, operation in enumerate(plain))


def _sized(patch: list[Any]) -> str:
    try:
        text = canonical(patch)
    except NotCanonical as error:
        raise InvalidInput("patch", str(error)) from error
    if (size := len(text.encode())) > MAX_PATCH_BYTES:
        raise InvalidInput("patch", f"has {size:,} bytes; at most {MAX_PATCH_BYTES:,} are taken")
    return text


def apply(document: dict[str, Any], operations: Sequence[Operation]) -> dict[str, Any]:
    """The changed document; the given one stays as it was. All operations or none. raises InvalidInput"""
    changed: Any = document
    for index, operation in enumerate(operations):
        changed = _changed(changed, operation.path, operation, f"patch.{index}.path")
    result: dict[str, Any] = changed
    return result


def _parse(operation: Any, where: str) -> Operation:
    if not isinstance(operation, dict):
        raise InvalidInput(where, "must be an object with op, path and value")
    verb, path = operation.get("op"), operation.get("path")
    if verb not in ("add", "remove", "replace"):
        raise InvalidInput(f"{where}.op", "must be add, remove or replace")
    if not isinstance(path, str):
        raise InvalidInput(f"{where}.path", "must be a JSON pointer")
    if (verb != "remove") != ("value" in operation) or operation.keys() - {"op", "path", "value"}:
        raise InvalidInput(where, "add and replace take op, path and value; remove takes op and path")
    tokens = _tokens(path, f"{where}.path")
    _check_allowed(verb, tokens, f"{where}.path")
    return Operation(verb, tokens, operation.get("value"))


def _tokens(path: str, where: str) -> tuple[str, ...]:
    if not path.startswith("/") or len(path) > MAX_PATH_CHARS or _WRONG_ESCAPE.search(path):
        raise InvalidInput(where, f"must be a JSON pointer of at most {MAX_PATH_CHARS} characters")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in path[1:].split("/"))


def _check_allowed(verb: str, tokens: tuple[str, ...], where: str) -> None:
    whole = tokens in {("layout",), ("order",)} and verb != "remove"
    within = tokens[0] in {"widgets", "view"} and len(tokens) >= 2
    if not whole and not within:
        raise InvalidInput(where, f"may not be written so; what may be changed: {_PATHS}")


def _changed(node: Any, path: tuple[str, ...], operation: Operation, where: str) -> Any:
    """A copy of `node` with the change made at `path` below it; what is not on the way is shared."""
    if isinstance(node, dict):
        return _changed_object(node, path, operation, where)
    if isinstance(node, list):
        return _changed_array(node, path, operation, where)
    raise InvalidInput(where, f"leads through {path[0]!r}, which does not exist")


def _changed_object(node: dict[str, Any], path: tuple[str, ...], operation: Operation, where: str) -> dict[str, Any]:
    name, rest = path[0], path[1:]
    if name not in node and (rest or operation.verb != "add"):
        raise InvalidInput(where, f"{name!r} does not exist")
    if rest:
        return {**node, name: _changed(node[name], rest, operation, where)}
    if operation.verb == "remove":
        return {key: value for key, value in node.items() if key != name}
    return {**node, name: operation.value}


def _changed_array(node: list[Any], path: tuple[str, ...], operation: Operation, where: str) -> list[Any]:
    key, rest = path[0], path[1:]
    adds = operation.verb == "add" and not rest
    if adds and key == "-":
        return [*node, operation.value]
    if _INDEX.fullmatch(key) is None or int(key) >= len(node) + adds:
        raise InvalidInput(where, f"{key!r} is not a position in a list of {len(node)}")
    index = int(key)
    if rest:
        return [*node[:index], _changed(node[index], rest, operation, where), *node[index + 1 :]]
    if operation.verb == "remove":
        return [*node[:index], *node[index + 1 :]]
    return [*node[:index], operation.value, *node[index + (0 if adds else 1) :]]
