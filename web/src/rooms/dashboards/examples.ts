import type {
  AlertData,
  BurndownChartData,
  GanttChartData,
  KanbanBoardData,
  MetricsData,
  ProjectStatusData,
  TaskListData,
  TeamActivityData,
  WidgetType,
} from "../../api/widgets";
import { dayText, today } from "./widgets/words";

interface Examples {
  ProjectStatus: ProjectStatusData;
  TaskList: TaskListData;
  Metrics: MetricsData;
  Alert: AlertData;
  KanbanBoard: KanbanBoardData;
  GanttChart: GanttChartData;
  BurndownChart: BurndownChartData;
  TeamActivity: TeamActivityData;
}

/** What each widget of payload could hold, to be looked at before it is added and to start from when it is filled. */
function examplesAt(now: number): Examples {
  const day = (away: number) => dayText(today(now) + away);
  const minutesAgo = (minutes: number) => `${new Date(now - minutes * 60_000).toISOString().slice(0, 19)}Z`;
  return {
    ProjectStatus: {
      name: "Search migration",
      status: "at_risk",
      progress_percent: 64,
      owner: "search team",
      due: day(12),
      summary: "The index is copied; the last two readers still use the old one.",
      milestones: [
        { title: "Index copied", done: true },
        { title: "Readers switched", due: day(5) },
        { title: "Old index off", due: day(12) },
      ],
    },
    TaskList: {
      tasks: [
        {
          id: "1",
          title: "Raise the nightly budget",
          status: "blocked",
          assignee: "platform team",
          due: day(1),
          priority: "high",
        },
        { id: "2", title: "Rotate the model key", status: "doing", assignee: "platform team" },
        { id: "3", title: "Answer the audit questions", status: "todo", due: day(6) },
        { id: "4", title: "Register the quote service", status: "done" },
      ],
    },
    Metrics: {
      metrics: [
        { name: "Tickets answered", value: 412, change_percent: 8.2, better: "higher" },
        { name: "Handed to a person", value: 6.1, unit: "%", change_percent: -1.4, better: "lower", target: 5 },
        { name: "Time to answer", value: 41, unit: "s", change_percent: 3, better: "lower" },
        { name: "Open", value: 18 },
      ],
    },
    Alert: {
      alerts: [
        {
          id: "1",
          severity: "critical",
          title: "Nightly import did not finish",
          source: "etl-nightly",
          at: minutesAgo(12),
        },
        {
          id: "2",
          severity: "warning",
          title: "Queue older than 10 minutes",
          source: "support-bot",
          at: minutesAgo(95),
        },
        { id: "3", severity: "info", title: "Certificate renewed", at: minutesAgo(600) },
      ],
    },
    KanbanBoard: {
      columns: [
        { id: "next", title: "Next" },
        { id: "doing", title: "Doing", most: 2 },
        { id: "done", title: "Done" },
      ],
      tasks: [
        { id: "1", column: "next", title: "Second region", priority: "low" },
        { id: "2", column: "doing", title: "Cheaper model for summaries", assignee: "search team", priority: "high" },
        { id: "3", column: "doing", title: "Runbook for restores", assignee: "platform team" },
        { id: "4", column: "done", title: "Limits for every key" },
      ],
    },
    GanttChart: {
      tasks: [
        { id: "a", title: "Copy the index", starts: day(-9), ends: day(-3), progress_percent: 100 },
        { id: "b", title: "Switch the readers", starts: day(-2), ends: day(5), progress_percent: 35, after: ["a"] },
        { id: "c", title: "Switch the old index off", starts: day(6), ends: day(12), after: ["b"] },
      ],
    },
    BurndownChart: {
      unit: "tasks",
      points: [40, 38, 37, 31, 30, 24, 21].map((left, index) => ({
        day: day(index - 7),
        left,
        ideal: Math.round(40 - (index * 40) / 12),
      })),
    },
    TeamActivity: {
      activities: [
        { id: "1", who: "support-bot", did: "answered", what: "ticket 4117", at: minutesAgo(2) },
        { id: "2", who: "platform team", did: "raised the budget of", what: "etl-nightly", at: minutesAgo(48) },
        { id: "3", who: "docs-bot", did: "proposed", what: "a page on restores", at: minutesAgo(180) },
      ],
    },
  };
}

/** Example data for a type that holds data; nothing for one that reads its own. */
export function exampleOf(type: WidgetType, now: number): object | undefined {
  const examples: Partial<Record<WidgetType, object>> = { ...examplesAt(now) };
  return examples[type];
}
