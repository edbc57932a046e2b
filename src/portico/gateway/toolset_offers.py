"""What the whole toolset holds for one caller: `{server}__{tool}` of every server they may call, as it was approved.

Answered from the registry in the snapshot, so no list waits for a server.
"""

from base64 import b64decode, b64encode, urlsafe_b64encode
from binascii import Error as NotBase64
from bisect import bisect_right
from operator import attrgetter
from typing import Any, Final, NamedTuple

import orjson

from portico.domains.routing.model import ServiceEntry
from portico.domains.tools.model import ToolEntry
from portico.gateway.catalog import may_use
from portico.gateway.gate import Gate
from portico.gateway.view import Who

# No name of a service holds an underscore, so the first of these ends it whatever the tool is called.
SEPARATOR: Final = "__"
MOST_LISTED, MOST_LISTED_BYTES = 250, 1024 * 1024
# However many a policy hides, one request asks policies about this many.
MOST_JUDGED: Final = 1000
MOST_CURSOR: Final = 1000
PARAM_HEADER: Final = "x-mcp-header"
MOST_PARAM_DEPTH: Final = 8


class Offer(NamedTuple):
    name: str
    server: ServiceEntry
    tool: ToolEntry


class Page(NamedTuple):
    tools: list[dict[str, Any]]
    cursor: str | None


class BadCursor(Exception):
    """The cursor was not given out here."""


def offers(gate: Gate, who: Who) -> list[Offer]:
    """In the order of their names; those that a policy hides are still among them."""
    found = [
        Offer(entry.name + SEPARATOR + tool.name, entry, tool)
        for (org_id, scope, name), service in gate.view.services.items()
        if (entry := service.entry).kind == "tools"
        and may_use(service, org_id, scope, who)
        and gate.view.find_service(who.org_id, who.scope, name) is service
        for tool in gate.tools.usable(entry)
    ]
    return sorted(found, key=attrgetter("name"))


def place_of(gate: Gate, who: Who, name: str) -> tuple[ServiceEntry, str] | None:
    """The server that a name leads to, and the tool's own name; None where the caller may not call."""
    server, separator, tool = name.partition(SEPARATOR)
    service = gate.view.find_service(who.org_id, who.scope, server)
    if not separator or not tool or service is None or service.entry.kind != "tools":
        return None
    entry = service.entry
    return (entry, tool) if may_use(service, entry.org_id, entry.scope, who) else None


def page_of(
    gate: Gate, who: Who, request: dict[str, str], cursor: object, *, single: bool, all_of_them: list[Offer]
) -> Page:
    """raises BadCursor"""
    begin = 0 if cursor is None else bisect_right([each.name for each in all_of_them], _read_cursor(cursor))
    tools: list[dict[str, Any]] = []
    size, last = 0, ""
    for judged, offer in enumerate(all_of_them[begin:]):
        if len(tools) >= MOST_LISTED or size > MOST_LISTED_BYTES or judged >= MOST_JUDGED:
            return Page(tools, urlsafe_b64encode(last.encode()).decode())
        last = offer.name
        if gate.tools.shows(offer.server, who, request, offer.tool):
            tools.append(definition_of(offer, single=single))
            size += len(offer.tool.schema) + len(offer.tool.more)
    return Page(tools, None)


def definition_of(offer: Offer, *, single: bool) -> dict[str, Any]:
    """The approved definition under the name it has here."""
    tool = offer.tool
    more: dict[str, Any] = orjson.loads(tool.more) if tool.more else {}
    if not single and _type_of(more.get("outputSchema")) != "object":
        # Clients of the older era know of objects alone and would take any other result for broken.
        more.pop("outputSchema", None)
    told: dict[str, Any] = {"name": offer.name, **more}
    told["inputSchema"] = orjson.Fragment(tool.schema or b'{"type":"object"}')
    if tool.annotations:
        told["annotations"] = orjson.Fragment(tool.annotations)
    return told


def _type_of(schema: object) -> object:
    return schema.get("type") if isinstance(schema, dict) else None


def _read_cursor(cursor: object) -> str:
    if not isinstance(cursor, str) or len(cursor) > MOST_CURSOR:
        raise BadCursor
    try:
        return b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (NotBase64, ValueError) as error:
        raise BadCursor from error


# -- what a request says in its headers, too -------------------------------------------------------------------------------


def coded(value: str) -> bytes:
    """As a header says it: what ASCII cannot say, or could be mistaken, travels in base64."""
    plain = value.isascii() and value.isprintable() and value == value.strip() and not value.startswith("=?")
    return value.encode() if plain else b"=?base64?" + b64encode(value.encode()) + b"?="


def param_headers(tool: ToolEntry | None, args: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    """The arguments that the tool's schema wants said in headers."""
    if tool is None or PARAM_HEADER.encode() not in tool.schema:
        return []
    found: list[tuple[bytes, bytes]] = []
    _follow(orjson.loads(tool.schema), args, found, 0)
    return found


def _follow(schema: object, args: object, found: list[tuple[bytes, bytes]], depth: int) -> None:
    parts = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(parts, dict) or not isinstance(args, dict) or depth > MOST_PARAM_DEPTH:
        return
    for name, part in parts.items():
        value = args.get(name)
        token = part.get(PARAM_HEADER) if isinstance(part, dict) else None
        if value is None:
            continue
        if isinstance(token, str) and token.isascii() and token.replace("-", "").replace("_", "").isalnum():
            if isinstance(value, bool):
                found.append((b"Mcp-Param-" + token.encode(), b"true" if value else b"false"))
            elif isinstance(value, int | str):
                found.append((b"Mcp-Param-" + token.encode(), coded(str(value))))
        else:
            _follow(part, value, found, depth + 1)
