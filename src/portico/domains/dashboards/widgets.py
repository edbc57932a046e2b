"""The types of widgets and of a dashboard's state. Made from widgets.schema.json; do not edit (`make generate`)."""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field

WidgetId: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}\Z")]
ItemId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
ShortText: TypeAlias = Annotated[str, Meta(min_length=1, max_length=120)]
Text: TypeAlias = Annotated[str, Meta(max_length=2000)]
Unit: TypeAlias = Annotated[str, Meta(max_length=20)]
Day: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Moment: TypeAlias = Annotated[
    str,
    Meta(
        max_length=40,
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})\Z",
    ),
]
Link: TypeAlias = Annotated[str, Meta(max_length=1000, pattern=r"^(https?://[^ ]+|/|/[^/ ][^ ]*)\Z")]
ServiceName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=80)]
Facts: TypeAlias = Annotated[
    dict[ShortText, Annotated[str, Meta(max_length=200)] | float | bool | None], Meta(max_length=20)
]
Priority: TypeAlias = Literal["low", "medium", "high", "urgent"]


class Place(Struct, kw_only=True, forbid_unknown_fields=True):
    """Where a widget stands on a grid of 12 columns; a row is 40 px high."""

    x: Annotated[int, Meta(ge=0, le=11)]
    y: Annotated[int, Meta(ge=0, le=999)]
    w: Annotated[int, Meta(ge=1, le=12)]
    h: Annotated[int, Meta(ge=1, le=24)]


class Milestone(Struct, kw_only=True, forbid_unknown_fields=True):
    title: ShortText
    due: Day | UnsetType = UNSET
    done: bool | UnsetType = UNSET


class ProjectStatusData(Struct, kw_only=True, forbid_unknown_fields=True):
    """How one project stands."""

    name: ShortText
    status: Literal["on_track", "at_risk", "off_track", "paused", "done"]
    progress_percent: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET
    summary: Text | UnsetType = UNSET
    owner: ShortText | UnsetType = UNSET
    due: Day | UnsetType = UNSET
    milestones: Annotated[list[Milestone], Meta(max_length=20)] | UnsetType = UNSET
    facts: Facts | UnsetType = UNSET


class Task(Struct, kw_only=True, forbid_unknown_fields=True):
    id: ItemId
    title: ShortText
    status: Literal["todo", "doing", "blocked", "done"]
    assignee: ShortText | UnsetType = UNSET
    due: Day | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    link: Link | UnsetType = UNSET


class TaskListData(Struct, kw_only=True, forbid_unknown_fields=True):
    tasks: Annotated[list[Task], Meta(max_length=20)]


class Metric(Struct, kw_only=True, forbid_unknown_fields=True):
    name: ShortText
    value: float
    unit: Unit | UnsetType = UNSET
    change_percent: float | UnsetType = UNSET
    target: float | UnsetType = UNSET
    better: Literal["higher", "lower"] | UnsetType = UNSET


class MetricsData(Struct, kw_only=True, forbid_unknown_fields=True):
    metrics: Annotated[list[Metric], Meta(max_length=50)]


class AlertItem(Struct, kw_only=True, forbid_unknown_fields=True):
    id: ItemId
    severity: Literal["info", "warning", "error", "critical"]
    title: ShortText
    text: Text | UnsetType = UNSET
    source: ShortText | UnsetType = UNSET
    at: Moment | UnsetType = UNSET
    link: Link | UnsetType = UNSET
    facts: Facts | UnsetType = UNSET


class AlertData(Struct, kw_only=True, forbid_unknown_fields=True):
    alerts: Annotated[list[AlertItem], Meta(max_length=50)]


class KanbanColumn(Struct, kw_only=True, forbid_unknown_fields=True):
    id: ItemId
    title: ShortText
    most: Annotated[int, Meta(ge=1, le=20)] | UnsetType = UNSET


class KanbanTask(Struct, kw_only=True, forbid_unknown_fields=True):
    id: ItemId
    column: ItemId
    title: ShortText
    assignee: ShortText | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    link: Link | UnsetType = UNSET


class KanbanBoardData(Struct, kw_only=True, forbid_unknown_fields=True):
    columns: Annotated[list[KanbanColumn], Meta(max_length=8)]
    tasks: Annotated[list[KanbanTask], Meta(max_length=20)]


class GanttTask(Struct, kw_only=True, forbid_unknown_fields=True):
    id: ItemId
    title: ShortText
    starts: Day
    ends: Day
    progress_percent: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET
    after: Annotated[list[ItemId], Meta(max_length=20)] | UnsetType = UNSET
    assignee: ShortText | UnsetType = UNSET


class GanttChartData(Struct, kw_only=True, forbid_unknown_fields=True):
    tasks: Annotated[list[GanttTask], Meta(max_length=20)]


class BurndownPoint(Struct, kw_only=True, forbid_unknown_fields=True):
    day: Day
    left: Annotated[float, Meta(ge=0)]
    ideal: Annotated[float, Meta(ge=0)] | UnsetType = UNSET


class BurndownChartData(Struct, kw_only=True, forbid_unknown_fields=True):
    unit: Unit | UnsetType = UNSET
    points: Annotated[list[BurndownPoint], Meta(max_length=100)]


class Activity(Struct, kw_only=True, forbid_unknown_fields=True):
    id: ItemId
    who: ShortText
    did: ShortText
    what: ShortText | UnsetType = UNSET
    at: Moment
    link: Link | UnsetType = UNSET
    facts: Facts | UnsetType = UNSET


class TeamActivityData(Struct, kw_only=True, forbid_unknown_fields=True):
    activities: Annotated[list[Activity], Meta(max_length=100)]


Range: TypeAlias = Literal["1h", "24h", "7d", "30d"]


class ProjectStatusOptions(Struct, kw_only=True, forbid_unknown_fields=True):
    data: ProjectStatusData | UnsetType = UNSET
    as_of: Moment | UnsetType = UNSET


class TaskListOptions(Struct, kw_only=True, forbid_unknown_fields=True):
    data: TaskListData | UnsetType = UNSET
    as_of: Moment | UnsetType = UNSET


class MetricsOptions(Struct, kw_only=True, forbid_unknown_fields=True):
    data: MetricsData | UnsetType = UNSET
    as_of: Moment | UnsetType = UNSET


class AlertOptions(Struct, kw_only=True, forbid_unknown_fields=True):
    data: AlertData | UnsetType = UNSET
    as_of: Moment | UnsetType = UNSET


class KanbanBoardOptions(Struct, kw_only=True, forbid_unknown_fields=True):
    data: KanbanBoardData | UnsetType = UNSET
    as_of: Moment | UnsetType = UNSET


class GanttChartOptions(Struct, kw_only=True, forbid_unknown_fields=True):
    data: GanttChartData | UnsetType = UNSET
    as_of: Moment | UnsetType = UNSET


class BurndownChartOptions(Struct, kw_only=True, forbid_unknown_fields=True):
    data: BurndownChartData | UnsetType = UNSET
    as_of: Moment | UnsetType = UNSET


class TeamActivityOptions(Struct, kw_only=True, forbid_unknown_fields=True):
    data: TeamActivityData | UnsetType = UNSET
    as_of: Moment | UnsetType = UNSET


class CallsOptions(Struct, kw_only=True, forbid_unknown_fields=True):
    service: ServiceName | UnsetType = UNSET
    verdict: Literal["any", "allowed", "refused", "failed", "cancelled"] | UnsetType = UNSET
    top: Annotated[int, Meta(ge=1, le=50)] | UnsetType = UNSET


class SpendOptions(Struct, kw_only=True, forbid_unknown_fields=True):
    range: Range | UnsetType = UNSET
    by: Literal["service", "principal"] | UnsetType = UNSET
    top: Annotated[int, Meta(ge=1, le=20)] | UnsetType = UNSET


class SloOptions(Struct, kw_only=True, forbid_unknown_fields=True):
    service: ServiceName | UnsetType = UNSET
    range: Range | UnsetType = UNSET
    success_target_percent: Annotated[float, Meta(ge=0, le=100)] | UnsetType = UNSET
    p95_target_ms: Annotated[float, Meta(ge=1, le=600000)] | UnsetType = UNSET


class ServiceHealthOptions(Struct, kw_only=True, forbid_unknown_fields=True):
    services: Annotated[list[ServiceName], Meta(max_length=20)] | UnsetType = UNSET
    only_troubled: bool | UnsetType = UNSET
    top: Annotated[int, Meta(ge=1, le=50)] | UnsetType = UNSET


class ProjectStatusWidget(Struct, kw_only=True, forbid_unknown_fields=True, tag="ProjectStatus", tag_field="type"):
    """How a project stands: state, progress, milestones."""

    id: WidgetId
    title: ShortText
    place: Place
    options: ProjectStatusOptions


class TaskListWidget(Struct, kw_only=True, forbid_unknown_fields=True, tag="TaskList", tag_field="type"):
    """Up to 20 tasks with state, assignee and due day."""

    id: WidgetId
    title: ShortText
    place: Place
    options: TaskListOptions


class MetricsWidget(Struct, kw_only=True, forbid_unknown_fields=True, tag="Metrics", tag_field="type"):
    """Up to 50 figures with change and target."""

    id: WidgetId
    title: ShortText
    place: Place
    options: MetricsOptions


class AlertWidget(Struct, kw_only=True, forbid_unknown_fields=True, tag="Alert", tag_field="type"):
    """Up to 50 alerts by severity."""

    id: WidgetId
    title: ShortText
    place: Place
    options: AlertOptions


class KanbanBoardWidget(Struct, kw_only=True, forbid_unknown_fields=True, tag="KanbanBoard", tag_field="type"):
    """Up to 20 tasks in columns."""

    id: WidgetId
    title: ShortText
    place: Place
    options: KanbanBoardOptions


class GanttChartWidget(Struct, kw_only=True, forbid_unknown_fields=True, tag="GanttChart", tag_field="type"):
    """Up to 20 tasks on a time line, with what they wait for."""

    id: WidgetId
    title: ShortText
    place: Place
    options: GanttChartOptions


class BurndownChartWidget(Struct, kw_only=True, forbid_unknown_fields=True, tag="BurndownChart", tag_field="type"):
    """What is left over time, against the ideal line."""

    id: WidgetId
    title: ShortText
    place: Place
    options: BurndownChartOptions


class TeamActivityWidget(Struct, kw_only=True, forbid_unknown_fields=True, tag="TeamActivity", tag_field="type"):
    """The last 100 things that people and agents did."""

    id: WidgetId
    title: ShortText
    place: Place
    options: TeamActivityOptions


class CallsWidget(Struct, kw_only=True, forbid_unknown_fields=True, tag="Calls", tag_field="type"):
    """The newest calls through the gateway, as they happen."""

    id: WidgetId
    title: ShortText
    place: Place
    options: CallsOptions


class SpendWidget(Struct, kw_only=True, forbid_unknown_fields=True, tag="Spend", tag_field="type"):
    """What calls cost, by service or caller."""

    id: WidgetId
    title: ShortText
    place: Place
    options: SpendOptions


class SloWidget(Struct, kw_only=True, forbid_unknown_fields=True, tag="Slo", tag_field="type"):
    """Success rate and p95 latency of calls against a target."""

    id: WidgetId
    title: ShortText
    place: Place
    options: SloOptions


class ServiceHealthWidget(Struct, kw_only=True, forbid_unknown_fields=True, tag="ServiceHealth", tag_field="type"):
    """State and breaker of services."""

    id: WidgetId
    title: ShortText
    place: Place
    options: ServiceHealthOptions


Widget: TypeAlias = (
    ProjectStatusWidget
    | TaskListWidget
    | MetricsWidget
    | AlertWidget
    | KanbanBoardWidget
    | GanttChartWidget
    | BurndownChartWidget
    | TeamActivityWidget
    | CallsWidget
    | SpendWidget
    | SloWidget
    | ServiceHealthWidget
)
Layout: TypeAlias = Literal["single", "split", "grid", "wizard"]
ViewName: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,39}\Z")]


class State(Struct, kw_only=True, forbid_unknown_fields=True):
    """What a dashboard shows, as stored and synchronised; at most 64 KB as JSON."""

    schema_version: Literal[1] = field(name="schema")
    layout: Layout
    order: Annotated[list[WidgetId], Meta(max_length=30)]
    widgets: Annotated[dict[WidgetId, Widget], Meta(max_length=30)]
    view: Annotated[dict[ViewName, Any], Meta(max_length=30)]
