from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from portico.domains.dashboards.model import (
    MAX_PROPOSED_WIDGETS,
    Applied,
    Conflict,
    Dashboard,
    Layout,
    Preview,
    Shared,
    State,
)
from portico.domains.dashboards.patching import MAX_OPERATIONS, MAX_PATH_CHARS
from portico.domains.dashboards.types import WidgetType
from portico.kernel.scope import ActorKind
from portico.platform.web import Ask, Moment, Patch, Wire

Name = Annotated[str, Field(min_length=1, max_length=80)]
Description = Annotated[str, Field(max_length=500)]
Json = dict[str, Any]


class DashboardAsk(Ask):
    """`state` is a whole state document, for a copy; its layout goes before `layout`."""

    name: Name
    description: Description = ""
    layout: Layout = "grid"
    shared: Shared = "private"
    state: Json | None = None


class DashboardPatch(Patch):
    """What is left out stays."""

    name: Name = ""
    description: Description = ""
    shared: Shared = "private"


class OperationAsk(Ask):
    """One operation of RFC 6902; remove takes no value."""

    # A value is kept exactly as it is sent.
    model_config = ConfigDict(str_strip_whitespace=False)

    op: Literal["add", "remove", "replace"]
    path: Annotated[str, Field(min_length=1, max_length=MAX_PATH_CHARS)]
    value: Any = None


class StatePatchAsk(Ask):
    """`version` is the one the patch was made for; `tab` the UUID of the tab, which is not told of its own change."""

    tab: Annotated[str, Field(max_length=36)] | None = None
    version: Annotated[int, Field(ge=0, le=2**31 - 1)]
    patch: Annotated[list[OperationAsk], Field(min_length=1, max_length=MAX_OPERATIONS)]


class ComposeAsk(Ask):
    """Widgets as `GET /widget-types` describes them: type, title, options; `id` to replace one, `place` where it matters."""

    title: Annotated[str, Field(min_length=1, max_length=120)]
    note: Annotated[str, Field(max_length=2000)] = ""
    widgets: Annotated[list[Json], Field(min_length=1, max_length=MAX_PROPOSED_WIDGETS)]


class DashboardOwnerWire(Wire):
    id: str
    name: str


class DashboardWire(Wire):
    id: str
    name: str
    description: str
    layout: Layout
    widget_count: int
    owner: DashboardOwnerWire
    shared: Shared
    version: int
    created_at: Moment
    updated_at: Moment


class DashboardStateWire(Wire):
    version: int
    state: Json
    checksum: str


class PatchOutcomeWire(Wire):
    """`state` comes with a conflict only."""

    outcome: Literal["applied", "conflict"]
    version: int
    checksum: str
    state: Json | None = None


class ProposerWire(Wire):
    kind: ActorKind
    id: str
    name: str


class ProposalWire(Wire):
    """`masked` counts what looked like a secret and is not shown."""

    id: str
    dashboard_id: str
    title: str
    note: str
    widgets: list[Json]
    masked: int
    by: ProposerWire
    created_at: Moment
    expires_at: Moment


class WidgetTypeWire(Wire):
    """`options` is a JSON schema without references."""

    type: str
    shows: Literal["payload", "live"]
    description: str
    options: Json


def dashboard_wire(dashboard: Dashboard) -> DashboardWire:
    return DashboardWire(
        id=dashboard.id,
        name=dashboard.name,
        description=dashboard.description,
        layout=dashboard.layout,
        widget_count=dashboard.widget_count,
        owner=DashboardOwnerWire(id=dashboard.owner_id, name=dashboard.owner_name),
        shared=dashboard.shared,
        version=dashboard.version,
        created_at=dashboard.created_at,
        updated_at=dashboard.updated_at,
    )


def state_wire(state: State) -> DashboardStateWire:
    return DashboardStateWire.model_validate(state)


def outcome_wire(outcome: Applied | Conflict) -> PatchOutcomeWire:
    if isinstance(outcome, Applied):
        return PatchOutcomeWire(outcome="applied", version=outcome.version, checksum=outcome.checksum)
    return PatchOutcomeWire(outcome="conflict", version=outcome.version, checksum=outcome.checksum, state=outcome.state)


def proposal_wire(preview: Preview) -> ProposalWire:
    proposal = preview.proposal
    return ProposalWire(
        id=proposal.id,
        dashboard_id=proposal.dashboard_id,
        title=proposal.title,
        note=proposal.note,
        widgets=preview.widgets,
        masked=proposal.masked,
        by=ProposerWire(kind=proposal.by.kind, id=proposal.by.id, name=proposal.by.name),
        created_at=proposal.created_at,
        expires_at=proposal.expires_at,
    )


def widget_type_wire(widget_type: WidgetType) -> WidgetTypeWire:
    return WidgetTypeWire.model_validate(widget_type)
