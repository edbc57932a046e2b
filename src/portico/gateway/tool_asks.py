"""A tools/call as it is judged: read so that no two readers see two calls in it, and the refusals that answer one."""

import re
from typing import Any

import orjson

from portico.gateway.dialects import mcp
from portico.kernel.errors import FieldError, Refusal

MOST_MEMBERS = 100_000
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# Servers in some languages read names without regard to case, and would see another call than was judged.
_ROUTED = frozenset({"jsonrpc", "id", "method", "params", "name", "arguments", "uri", "_meta"})


class ToolRefused(Refusal):
    """Told as the error of one request, which is not the end of its session: `rpc_code` None is the E-code's number."""

    rpc_code: int | None = None


class ToolNotFound(ToolRefused):
    """The same words for a tool that is not there and one that a policy hides."""

    code = "NOT_FOUND"
    rpc_code = mcp.INVALID_PARAMS

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no tool {name[:200]!r} here.")


class ToolHeldBack(ToolRefused):
    code = "TOOL_HELD_BACK"


class PolicyDenied(ToolRefused):
    code = "POLICY_DENIED"


class BadArguments(ToolRefused):
    code = "INVALID_INPUT"
    rpc_code = mcp.INVALID_PARAMS

    def __init__(self, message: str, problems: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self._problems = problems

    @property
    def fields(self) -> tuple[FieldError, ...]:
        return self._problems


class AskedTool:
    """A tools/call as it is judged. `repeatable`: the whole call is in name and arguments, so its result may be kept."""

    __slots__ = ("args", "idempotency_key", "name", "repeatable")

    def __init__(self, name: str, params: dict[str, Any], idempotency_key: str) -> None:
        args = params.get("arguments")
        if args is not None and not isinstance(args, dict):
            raise BadArguments(
                "The arguments of a tool must be an object.", (FieldError("arguments", "must be an object"),)
            )
        self.name, self.idempotency_key = name, idempotency_key
        self.args: dict[str, Any] = args or {}
        self.repeatable = not params.keys() - {"name", "arguments", "_meta"}


def read_once(body: bytes, rpc_id: bytes) -> dict[str, Any]:
    """The message as plain JSON, where each name stands once.

    raises   BadMessage (400): another reader could see another message in it
    """
    try:
        found: dict[str, Any] = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise mcp.BadMessage(mcp.PARSE_ERROR, f"The body is not valid JSON: {error}.", rpc_id) from error
    written = _STRING.sub(b"", body).count(b":")
    if written > MOST_MEMBERS:
        raise mcp.BadMessage(mcp.INVALID_REQUEST, f"The body holds more than {MOST_MEMBERS:,} members.", rpc_id)
    if written != _members(found):
        raise mcp.BadMessage(mcp.INVALID_REQUEST, "A name stands twice in one object of the body.", rpc_id)
    params = found.get("params")
    for part in (found, params if isinstance(params, dict) else {}):
        for name in part:
            if name not in _ROUTED and name.lower() in _ROUTED:
                raise mcp.BadMessage(mcp.INVALID_REQUEST, f"The name {name!r} must be {name.lower()!r}.", rpc_id)
    return found


def _members(value: object) -> int:
    count, level = 0, [value]
    while level:
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                count += len(each)
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        level = inner
    return count


def canonical(args: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(args, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, RecursionError) as error:
        problem = FieldError("arguments", "are nested too deeply")
        raise BadArguments("The arguments are nested too deeply.", (problem,)) from error
