/** Made from widgets.schema.json, the one source of the widget types; do not edit (`make generate`). */

/** Unique in its dashboard. */
export type WidgetId = string;

export type ItemId = string;

export type ShortText = string;

export type Text = string;

export type Unit = string;

/** A day, as in 2026-11-20. */
export type Day = string;

/** A moment with its offset, as in 2026-11-20T09:30:00Z. */
export type Moment = string;

/** A page of this installation, or an http(s) address. */
export type Link = string;

/** The name of a service. */
export type ServiceName = string;

/** Named facts beside the main thing. */
export type Facts = Record<string, string | number | boolean | null>;

export type Priority = "low" | "medium" | "high" | "urgent";

/** Where a widget stands on a grid of 12 columns; a row is 40 px high. */
export interface Place {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface Milestone {
  title: ShortText;
  due?: Day;
  done?: boolean;
}

/** How one project stands. */
export interface ProjectStatusData {
  name: ShortText;
  status: "on_track" | "at_risk" | "off_track" | "paused" | "done";
  progress_percent?: number;
  summary?: Text;
  owner?: ShortText;
  due?: Day;
  milestones?: Milestone[];
  facts?: Facts;
}

export interface Task {
  id: ItemId;
  title: ShortText;
  status: "todo" | "doing" | "blocked" | "done";
  assignee?: ShortText;
  due?: Day;
  priority?: Priority;
  link?: Link;
}

export interface TaskListData {
  tasks: Task[];
}

export interface Metric {
  name: ShortText;
  value: number;
  unit?: Unit;
  change_percent?: number;
  target?: number;
  /** Which direction is good news. */
  better?: "higher" | "lower";
}

export interface MetricsData {
  metrics: Metric[];
}

export interface AlertItem {
  id: ItemId;
  severity: "info" | "warning" | "error" | "critical";
  title: ShortText;
  text?: Text;
  source?: ShortText;
  at?: Moment;
  link?: Link;
  facts?: Facts;
}

export interface AlertData {
  alerts: AlertItem[];
}

export interface KanbanColumn {
  id: ItemId;
  title: ShortText;
  /** How many tasks it should hold at most. */
  most?: number;
}

export interface KanbanTask {
  id: ItemId;
  /** The id of its column. */
  column: ItemId;
  title: ShortText;
  assignee?: ShortText;
  priority?: Priority;
  link?: Link;
}

export interface KanbanBoardData {
  columns: KanbanColumn[];
  tasks: KanbanTask[];
}

export interface GanttTask {
  id: ItemId;
  title: ShortText;
  starts: Day;
  ends: Day;
  progress_percent?: number;
  /** The ids of tasks that have to end first. */
  after?: ItemId[];
  assignee?: ShortText;
}

export interface GanttChartData {
  tasks: GanttTask[];
}

export interface BurndownPoint {
  day: Day;
  left: number;
  ideal?: number;
}

export interface BurndownChartData {
  unit?: Unit;
  points: BurndownPoint[];
}

export interface Activity {
  id: ItemId;
  who: ShortText;
  did: ShortText;
  what?: ShortText;
  at: Moment;
  link?: Link;
  facts?: Facts;
}

export interface TeamActivityData {
  activities: Activity[];
}

/** How far back it looks. */
export type Range = "1h" | "24h" | "7d" | "30d";

export interface ProjectStatusOptions {
  data?: ProjectStatusData;
  /** When the data held. */
  as_of?: Moment;
}

export interface TaskListOptions {
  data?: TaskListData;
  /** When the data held. */
  as_of?: Moment;
}

export interface MetricsOptions {
  data?: MetricsData;
  /** When the data held. */
  as_of?: Moment;
}

export interface AlertOptions {
  data?: AlertData;
  /** When the data held. */
  as_of?: Moment;
}

export interface KanbanBoardOptions {
  data?: KanbanBoardData;
  /** When the data held. */
  as_of?: Moment;
}

export interface GanttChartOptions {
  data?: GanttChartData;
  /** When the data held. */
  as_of?: Moment;
}

export interface BurndownChartOptions {
  data?: BurndownChartData;
  /** When the data held. */
  as_of?: Moment;
}

export interface TeamActivityOptions {
  data?: TeamActivityData;
  /** When the data held. */
  as_of?: Moment;
}

export interface CallsOptions {
  service?: ServiceName;
  /** Which calls. */
  verdict?: "any" | "allowed" | "refused" | "failed" | "cancelled";
  /** How many rows. */
  top?: number;
}

export interface SpendOptions {
  range?: Range;
  /** What the cost is added up by. */
  by?: "service" | "principal";
  /** How many rows. */
  top?: number;
}

export interface SloOptions {
  service?: ServiceName;
  range?: Range;
  /** The share of calls that should succeed. */
  success_target_percent?: number;
  /** What 95 of 100 calls should stay below. */
  p95_target_ms?: number;
}

export interface ServiceHealthOptions {
  /** Which services; left out: those you may see. */
  services?: ServiceName[];
  /** Leave out what is healthy. */
  only_troubled?: boolean;
  /** How many rows. */
  top?: number;
}

/** How a project stands: state, progress, milestones. */
export interface ProjectStatusWidget {
  id: WidgetId;
  type: "ProjectStatus";
  title: ShortText;
  place: Place;
  options: ProjectStatusOptions;
}

/** Up to 20 tasks with state, assignee and due day. */
export interface TaskListWidget {
  id: WidgetId;
  type: "TaskList";
  title: ShortText;
  place: Place;
  options: TaskListOptions;
}

/** Up to 50 figures with change and target. */
export interface MetricsWidget {
  id: WidgetId;
  type: "Metrics";
  title: ShortText;
  place: Place;
  options: MetricsOptions;
}

/** Up to 50 alerts by severity. */
export interface AlertWidget {
  id: WidgetId;
  type: "Alert";
  title: ShortText;
  place: Place;
  options: AlertOptions;
}

/** Up to 20 tasks in columns. */
export interface KanbanBoardWidget {
  id: WidgetId;
  type: "KanbanBoard";
  title: ShortText;
  place: Place;
  options: KanbanBoardOptions;
}

/** Up to 20 tasks on a time line, with what they wait for. */
export interface GanttChartWidget {
  id: WidgetId;
  type: "GanttChart";
  title: ShortText;
  place: Place;
  options: GanttChartOptions;
}

/** What is left over time, against the ideal line. */
export interface BurndownChartWidget {
  id: WidgetId;
  type: "BurndownChart";
  title: ShortText;
  place: Place;
  options: BurndownChartOptions;
}

/** The last 100 things that people and agents did. */
export interface TeamActivityWidget {
  id: WidgetId;
  type: "TeamActivity";
  title: ShortText;
  place: Place;
  options: TeamActivityOptions;
}

/** The newest calls through the gateway, as they happen. */
export interface CallsWidget {
  id: WidgetId;
  type: "Calls";
  title: ShortText;
  place: Place;
  options: CallsOptions;
}

/** What calls cost, by service or caller. */
export interface SpendWidget {
  id: WidgetId;
  type: "Spend";
  title: ShortText;
  place: Place;
  options: SpendOptions;
}

/** Success rate and p95 latency of calls against a target. */
export interface SloWidget {
  id: WidgetId;
  type: "Slo";
  title: ShortText;
  place: Place;
  options: SloOptions;
}

/** State and breaker of services. */
export interface ServiceHealthWidget {
  id: WidgetId;
  type: "ServiceHealth";
  title: ShortText;
  place: Place;
  options: ServiceHealthOptions;
}

export type Widget =
  | ProjectStatusWidget
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
  | ServiceHealthWidget;

/** single: one widget fills the page; split: two beside each other; grid: each at its place; wizard: one after the other. */
export type Layout = "single" | "split" | "grid" | "wizard";

export type ViewName = string;

/** What a dashboard shows, as stored and synchronised; at most 64 KB as JSON. */
export interface State {
  schema: 1;
  layout: Layout;
  /** Reading order. Ids of widgets that are gone are passed over; widgets it does not name follow by id. */
  order: WidgetId[];
  widgets: Record<string, Widget>;
  /** What the page remembers for everyone who looks: the step of a wizard, a range, a filter. */
  view: Record<string, unknown>;
}

export type WidgetType = Widget["type"];

/** Every widget type, in the order of the picker. */
export const WIDGETS: { type: WidgetType; shows: "payload" | "live"; description: string }[] = [
  {
    type: "ProjectStatus",
    shows: "payload",
    description: "How a project stands: state, progress, milestones.",
  },
  {
    type: "TaskList",
    shows: "payload",
    description: "Up to 20 tasks with state, assignee and due day.",
  },
  {
    type: "Metrics",
    shows: "payload",
    description: "Up to 50 figures with change and target.",
  },
  {
    type: "Alert",
    shows: "payload",
    description: "Up to 50 alerts by severity.",
  },
  {
    type: "KanbanBoard",
    shows: "payload",
    description: "Up to 20 tasks in columns.",
  },
  {
    type: "GanttChart",
    shows: "payload",
    description: "Up to 20 tasks on a time line, with what they wait for.",
  },
  {
    type: "BurndownChart",
    shows: "payload",
    description: "What is left over time, against the ideal line.",
  },
  {
    type: "TeamActivity",
    shows: "payload",
    description: "The last 100 things that people and agents did.",
  },
  {
    type: "Calls",
    shows: "live",
    description: "The newest calls through the gateway, as they happen.",
  },
  {
    type: "Spend",
    shows: "live",
    description: "What calls cost, by service or caller.",
  },
  {
    type: "Slo",
    shows: "live",
    description: "Success rate and p95 latency of calls against a target.",
  },
  {
    type: "ServiceHealth",
    shows: "live",
    description: "State and breaker of services.",
  },
];
