"""GET /settings, POST /settings/reload, GET /status: the installation itself."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Request

from portico import __version__
from portico.api.gateways import reports_of
from portico.api.health import DatabaseHealth
from portico.api.jobs import JobReports, troubled
from portico.domains.audit import public as audit
from portico.domains.tenancy.model import Identity
from portico.kernel.errors import FieldError, InvalidFields, NotPermitted
from portico.kernel.scope import OrgScope
from portico.platform.bus import Bus
from portico.platform.db import from_micros
from portico.platform.settings import Effective, Environment, Loaded, SettingsInvalid, load_settings, with_reloadable
from portico.platform.web import DepsDep, Listing, Moment, Wire, needs, whole_listing

router = APIRouter(tags=["installation"])


class SettingWire(Wire):
    name: str
    value: Any
    source: Literal["default", "file", "environment"]
    secret: bool
    reloadable: bool
    description: str


class ReloadWire(Wire):
    """`applied` hold from now on; `needs_restart` changed too but are read only at start."""

    applied: list[str]
    needs_restart: list[str]
    reloaded_at: Moment


class ComponentWire(Wire):
    name: str
    status: Literal["healthy", "degraded", "unhealthy"]
    detail: str


class GatewayStatusWire(Wire):
    id: str
    fresh: bool
    snapshot_version: int
    uptime_s: int
    open_connections: int
    open_calls: int
    journal_ok: bool


class StatusWire(Wire):
    version: str
    environment: Environment
    started_at: Moment
    components: list[ComponentWire]
    gateways: list[GatewayStatusWire]


@dataclass
class Installation:
    """What was loaded, as it stands after reloads."""

    started_at: datetime
    loaded: Loaded | None

    def effective(self) -> list[Effective]:
        if self.loaded is None:
            self.loaded = load_settings()
        return self.loaded.effective


@router.get("/settings")
async def list_settings(request: Request, scope: OrgScope = needs("settings.read")) -> Listing[SettingWire]:
    """Every setting with its value and where it comes from; a secret shows only whether it is set."""
    installation: Installation = request.app.state.installation
    return whole_listing([SettingWire.model_validate(each) for each in installation.effective()])


@router.post("/settings/reload")
async def reload_settings(request: Request, deps: DepsDep, scope: OrgScope = needs("settings.manage")) -> ReloadWire:
    """Read the file and the environment again; what is reloadable holds from the next request on."""
    _refuse_unless_superadmin(request.state.identity)
    installation: Installation = request.app.state.installation
    before = {each.name: each.value for each in installation.effective()}
    try:
        loaded = load_settings()
    except SettingsInvalid as error:
        raise InvalidFields(tuple(FieldError(*_named(problem)) for problem in error.problems)) from error
    changed = [each for each in loaded.effective if each.value != before.get(each.name)]
    applied = [each.name for each in changed if each.reloadable]
    later = [each.name for each in changed if not each.reloadable]
    async with deps.uow() as tx:
        target = audit.Target("settings", "settings", "settings")
        detail = {"applied": applied, "needs_restart": later}
        await audit.record(tx, scope, action="settings.reload", target=target, severity="WARN", detail=detail)
        tx.nudge("settings")
    installation.loaded = loaded
    request.app.state.deps = replace(deps, settings=with_reloadable(deps.settings, loaded.settings))
    return ReloadWire(applied=applied, needs_restart=later, reloaded_at=deps.clock.now())


@router.get("/status")
async def show_status(request: Request, deps: DepsDep, scope: OrgScope = needs("settings.read")) -> StatusWire:
    """The parts of the installation and how they are."""
    installation: Installation = request.app.state.installation
    health: DatabaseHealth = request.app.state.database_health
    trouble = await health.trouble()
    components = [
        ComponentWire(
            name="database", status="unhealthy" if trouble else "healthy", detail=trouble or deps.db.engine_name
        )
    ]
    if deps.settings.redis.url:
        components.append(_redis_component(deps.bus))
    gateways = _gateways(request, deps.clock.now())
    if gateways is not None:
        components.append(_gateway_component(gateways))
    if request.app.state.jobs is not None:
        components.append(_jobs_component(request.app.state.jobs))
    return StatusWire(
        version=__version__,
        environment=deps.settings.environment,
        started_at=installation.started_at,
        components=components,
        gateways=gateways or [],
    )


def _gateways(request: Request, now: datetime) -> list[GatewayStatusWire] | None:
    reports = reports_of(request)
    if reports is None:
        return None
    return [
        GatewayStatusWire(
            id=each.gateway_id,
            fresh=fresh,
            snapshot_version=each.snapshot_version,
            uptime_s=max(0, int((now - from_micros(each.started_at_us)).total_seconds())),
            open_connections=each.open_connections,
            open_calls=each.open_calls,
            journal_ok=each.journal_ok,
        )
        for each, fresh in reports
    ]


def _redis_component(bus: Bus) -> ComponentWire:
    if bus.connected:
        return ComponentWire(name="redis", status="healthy", detail="the other control processes are heard")
    detail = "away: changes made elsewhere are seen late, and reads are not cached"
    return ComponentWire(name="redis", status="degraded", detail=detail)


def _gateway_component(gateways: list[GatewayStatusWire]) -> ComponentWire:
    silent = [each.id for each in gateways if not each.fresh]
    if len(silent) == len(gateways):
        return ComponentWire(name="gateways", status="unhealthy", detail="no gateway is connected")
    stuck = [each.id for each in gateways if not each.journal_ok]
    if stuck:
        return ComponentWire(name="gateways", status="unhealthy", detail=f"{', '.join(stuck)} cannot write the journal")
    if silent:
        return ComponentWire(name="gateways", status="degraded", detail=f"{', '.join(silent)} has gone silent")
    return ComponentWire(name="gateways", status="healthy", detail=f"{len(gateways)} connected")


def _jobs_component(reports: JobReports) -> ComponentWire:
    failing = troubled(reports)
    if failing:
        detail = "; ".join(f"{name}: {failure}" for name, failure in sorted(failing.items()))
        return ComponentWire(name="jobs", status="degraded", detail=detail)
    return ComponentWire(name="jobs", status="healthy", detail=f"{len(reports.runs)} running")


def _refuse_unless_superadmin(identity: Identity) -> None:
    # The settings are the installation's, not the org's; an admin of one org must not act on all.
    if not identity.is_superadmin:
        raise NotPermitted("superadmin")


def _named(problem: str) -> tuple[str, str]:
    name, _, message = problem.partition(": ")
    return (name.partition(" ")[0], message) if message else ("settings", problem)
