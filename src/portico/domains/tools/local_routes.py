"""Local tool servers: their definitions, how they do, and orders to the bridge that runs them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request

from portico.domains.tools import local, local_file
from portico.domains.tools.local_terms import Definition, LocalServer
from portico.domains.tools.local_wire import (
    ExportWire,
    ImportAsk,
    ImportedWire,
    ImportStepWire,
    LocalServerAsk,
    LocalServerLogWire,
    LocalServerPatch,
    LocalServerWire,
    LogLineWire,
    server_wire,
)
from portico.kernel.errors import InvalidInput
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from portico.platform.outbound import AnswerBroken, send_to_own_bridge
from portico.platform.web import DepsDep, Listing, needs, whole_listing

router = APIRouter(prefix="/tools/servers", tags=["tools"])

Name = Annotated[str, Path(min_length=1, max_length=63)]
Order = Literal["start", "stop", "restart"]
# Stopping waits for a server's own end before it is ended.
ORDER_S, MOST_LOG_BYTES = 15.0, 4 * 1024 * 1024


@router.get("")
async def list_local_servers(
    request: Request, deps: DepsDep, scope: OrgScope = needs("tools.read")
) -> Listing[LocalServerWire]:
    """By name; at most 200 in an org."""
    reports = _reports(request, scope)
    found = await local.list_servers(scope, deps)
    return whole_listing([server_wire(each, reports.get(each.service_id), deps.settings.base_url) for each in found])


@router.post("", status_code=201)
async def define_local_server(
    ask: LocalServerAsk, request: Request, deps: DepsDep, scope: OrgScope = needs("tools.manage")
) -> LocalServerWire:
    """A service of kind tools whose program runs on this machine, from the first call on."""
    made = await local.define_server(
        scope, ask.name, ask.description, ask.definition(), deps, restricted=ask.visibility == "restricted"
    )
    return _shown(made, request, scope, deps)


@router.post("/import")
async def import_local_servers(ask: ImportAsk, deps: DepsDep, scope: OrgScope = needs("tools.manage")) -> ImportedWire:
    """What an mcp.yaml would change, or changes when `dry_run` is false."""
    steps = await local_file.import_file(scope, ask.text, deps, dry_run=ask.dry_run, remove_others=ask.remove_others)
    shown = [ImportStepWire(name=each.name, change=each.change, fields=list(each.fields)) for each in steps]
    return ImportedWire(steps=shown, applied=not ask.dry_run)


@router.get("/export")
async def export_local_servers(deps: DepsDep, scope: OrgScope = needs("tools.manage")) -> ExportWire:
    """All of the org's local servers as an mcp.yaml."""
    return ExportWire(text=await local_file.export_file(scope, deps))


@router.get("/{local_server}")
async def find_local_server(
    local_server: Name, request: Request, deps: DepsDep, scope: OrgScope = needs("tools.read")
) -> LocalServerWire:
    return _shown(await local.find_server(scope, local_server, deps), request, scope, deps)


@router.patch("/{local_server}")
async def update_local_server(
    local_server: Name, ask: LocalServerPatch, request: Request, deps: DepsDep, scope: OrgScope = needs("tools.manage")
) -> LocalServerWire:
    """Ends the running process, if any; the next call starts it as it is defined now."""
    before = (await local.find_server(scope, local_server, deps)).definition
    return _shown(await local.update_server(scope, local_server, _changed(before, ask), deps), request, scope, deps)


@router.delete("/{local_server}", status_code=204)
async def remove_local_server(local_server: Name, deps: DepsDep, scope: OrgScope = needs("tools.manage")) -> None:
    """With its service in the hub, its process, and its own folder."""
    await local.remove_server(scope, local_server, deps)


@router.post("/{local_server}/start")
async def start_local_server(
    local_server: Name, request: Request, deps: DepsDep, scope: OrgScope = needs("tools.manage")
) -> LocalServerWire:
    """Now rather than with the next call."""
    return await _ordered(local_server, "start", request, scope, deps)


@router.post("/{local_server}/stop")
async def stop_local_server(
    local_server: Name, request: Request, deps: DepsDep, scope: OrgScope = needs("tools.manage")
) -> LocalServerWire:
    """End its process. The next call starts it again; disable it to prevent that."""
    return await _ordered(local_server, "stop", request, scope, deps)


@router.post("/{local_server}/restart")
async def restart_local_server(
    local_server: Name, request: Request, deps: DepsDep, scope: OrgScope = needs("tools.manage")
) -> LocalServerWire:
    """End its process, and start it anew."""
    return await _ordered(local_server, "restart", request, scope, deps)


@router.get("/{local_server}/logs")
async def read_local_server_log(
    local_server: Name, deps: DepsDep, scope: OrgScope = needs("tools.manage")
) -> LocalServerLogWire:
    """What it wrote to its standard error since the bridge started, up to 500 lines; its secrets are masked."""
    found = await local.find_server(scope, local_server, deps)
    answer = await send_to_own_bridge(
        deps.settings, "GET", f"/servers/{found.service_id}/logs", timeout_s=5, max_bytes=MOST_LOG_BYTES
    )
    lines = json.loads(answer.body)["lines"] if answer.status == 200 else []
    return LocalServerLogWire(
        lines=[LogLineWire(at=datetime.fromtimestamp(each["at"], UTC), text=each["text"]) for each in lines]
    )


async def _ordered(server: str, order: Order, request: Request, scope: OrgScope, deps: Deps) -> LocalServerWire:
    found = await local.find_server(scope, server, deps)
    if order != "stop" and not deps.settings.runs_local_servers:
        raise local.LocalServersOff
    answer = await send_to_own_bridge(deps.settings, "POST", f"/servers/{found.service_id}/{order}", timeout_s=ORDER_S)
    if answer.status != 200:
        raise AnswerBroken("The bridge does not know this server yet; try again in a moment.")
    await local.record_order(scope, found, order, deps)
    told = json.loads(answer.body)
    shown = _shown(found, request, scope, deps)
    return shown.model_copy(update={"state": told["state"], "error": told["error"]})


def _shown(server: LocalServer, request: Request, scope: OrgScope, deps: Deps) -> LocalServerWire:
    return server_wire(server, _reports(request, scope).get(server.service_id), deps.settings.base_url)


def _reports(request: Request, scope: OrgScope) -> Mapping[str, Any]:
    """What the bridge tells; a process without a link to it knows nothing."""
    feed = getattr(request.app.state, "feed", None)
    found: Mapping[str, Any] = {} if feed is None else feed.local_servers(scope.org_id)
    return found


def _changed(before: Definition, ask: LocalServerPatch) -> Definition:
    sent: dict[str, Any] = {
        name: value for name in ask.model_fields_set - {"limits"} if (value := getattr(ask, name)) is not None
    }
    for name in ("args", "allowed_paths", "program_paths"):
        if name in sent:
            sent[name] = tuple(sent[name])
    if ask.limits:
        unknown = set(ask.limits) - set(type(before.limits).__dataclass_fields__)
        if unknown:
            raise InvalidInput("limits", f"has no {min(unknown)!r}")
        sent["limits"] = replace(before.limits, **ask.limits)  # type: ignore[arg-type]
    return replace(before, **sent)
