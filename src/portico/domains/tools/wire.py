from typing import Annotated, Any, Literal

import orjson
from pydantic import Field

from portico.domains.tools.diff import Change, DiffLine
from portico.domains.tools.model import (
    ApprovedAs,
    CacheScope,
    FirstSeen,
    SeenIn,
    ToolState,
    ToolVersion,
)
from portico.domains.tools.registry import Noted
from portico.domains.tools.service import MeteredServer, Named, ToolDetail
from portico.platform.web import Ask, Bound, Moment, Patch, Wire

Id = Annotated[str, Field(min_length=1, max_length=64)]
Pin = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Note = Annotated[str, Field(max_length=500)]
Json = dict[str, Any]
MAX_TTL_S = 86_400


class ApproveAsk(Ask):
    """With `pin`, only if that definition is still the one seen last."""

    pin: Pin | None = None


class ApproveOneAsk(ApproveAsk):
    id: Id


class ApproveManyAsk(Ask):
    tools: Annotated[list[ApproveOneAsk], Field(min_length=1, max_length=200)]


class DeprecateAsk(Ask):
    note: Note = ""
    sunset_at: Bound | None = None


class ToolPatch(Patch):
    """For how long, and for whom, the same call may be answered with an earlier result."""

    cache_ttl_s: Annotated[int, Field(ge=0, le=MAX_TTL_S)] = 0
    cache_scope: CacheScope = "private"


class ServerTermsAsk(Ask):
    first_seen: FirstSeen


class ToolTermsAsk(Ask):
    quarantine_always: bool


class ToolTermsWire(Wire):
    """`quarantine_always`: nothing is approved by being listed first."""

    quarantine_always: bool


class ToolWire(Wire):
    """`tokens` is an estimate of what the definition costs in a model's context."""

    id: str
    server: str
    service_id: str
    name: str
    title: str
    state: ToolState
    seen_pin: str
    approved_pin: str | None
    approved_as: ApprovedAs | None
    approved_by: str | None
    approved_at: Moment | None
    disabled: bool
    deprecated_at: Moment | None
    sunset_at: Moment | None
    note: str
    gone_at: Moment | None
    cache_ttl_s: int
    cache_scope: CacheScope
    tokens: int
    versions: int
    first_seen_at: Moment
    changed_at: Moment


class ToolVersionWire(Wire):
    number: int
    pin: str
    definition: Json
    tokens: int
    seen_at: Moment
    seen_in: SeenIn
    approved: bool


class DiffLineWire(Wire):
    change: Change
    text: str


class ToolDetailWire(Wire):
    """`diff` leads from the approved definition, or from nothing, to the one seen last."""

    tool: ToolWire
    versions: list[ToolVersionWire]
    diff: list[DiffLineWire]


class ToolServerMeterWire(Wire):
    """`tokens`: what the tools that are offered cost in a model's context, by `estimate`."""

    service_id: str
    server: str
    first_seen: FirstSeen
    listed_at: Moment | None
    error: str | None
    tokens: int
    estimate: Literal["bytes of the canonical definition / 4"]
    states: dict[ToolState, int]


class RefreshedWire(Wire):
    new: int
    changed: int
    gone: int
    back: int
    approved: int


def tool_wire(named: Named) -> ToolWire:
    tool = named.tool
    facts = {name: getattr(tool, name) for name in ToolWire.model_fields if name != "server"}
    return ToolWire(**facts, server=named.server)


def detail_wire(found: ToolDetail) -> ToolDetailWire:
    approved = found.named.tool.approved_pin
    return ToolDetailWire(
        tool=tool_wire(found.named),
        versions=[_version(each, approved) for each in found.versions],
        diff=[_line(each) for each in found.diff],
    )


def meter_wire(found: MeteredServer) -> ToolServerMeterWire:
    return ToolServerMeterWire(
        service_id=found.server.service_id,
        server=found.name,
        first_seen=found.server.first_seen,
        listed_at=found.server.listed_at,
        error=found.server.error,
        tokens=found.metered.tokens,
        estimate="bytes of the canonical definition / 4",
        states=found.metered.states,  # type: ignore[arg-type]
    )


def refreshed_wire(noted: Noted) -> RefreshedWire:
    return RefreshedWire.model_validate(noted)


def _version(version: ToolVersion, approved: str | None) -> ToolVersionWire:
    return ToolVersionWire(
        number=version.number,
        pin=version.pin,
        definition=orjson.loads(version.text),
        tokens=version.tokens,
        seen_at=version.seen_at,
        seen_in=version.seen_in,
        approved=version.pin == approved,
    )


def _line(line: DiffLine) -> DiffLineWire:
    return DiffLineWire(change=line.change, text=line.text)
