import { memo, type ReactNode } from "react";
import type { Widget, WidgetType } from "../../../api/widgets";
import { Empty } from "../../../parts/trouble";
import { Ago } from "../../../parts/words";
import { BurndownChart, GanttChart, KanbanBoard } from "./boards";
import { Alerts, Metrics, ProjectStatus, TaskList, TeamActivity } from "./lists";
import { Calls, ServiceHealth, Slo, Spend } from "./live";
import { Fence, Unfilled } from "./parts";

export type Shown = Pick<Widget, "type" | "title" | "options">;

export const typeNames: Record<WidgetType, string> = {
  ProjectStatus: "Project status",
  TaskList: "Task list",
  Metrics: "Figures",
  Alert: "Alerts",
  KanbanBoard: "Kanban board",
  GanttChart: "Gantt chart",
  BurndownChart: "Burndown chart",
  TeamActivity: "Team activity",
  Calls: "Calls",
  Spend: "Spend",
  Slo: "Service level",
  ServiceHealth: "Service health",
};

function Payload<T>({
  what,
  options,
  children,
}: {
  what: string;
  options: { data?: T; as_of?: string };
  children: (data: T) => ReactNode;
}) {
  if (options.data === undefined) return <Unfilled what={what} />;
  return (
    <>
      {children(options.data)}
      {options.as_of && (
        <p className="dim widget-as-of">
          as of <Ago at={options.as_of} />
        </p>
      )}
    </>
  );
}

function Body({ of }: { of: Widget }) {
  const what = typeNames[of.type];
  switch (of.type) {
    case "ProjectStatus":
      return (
        <Payload what={what} options={of.options}>
          {(data) => <ProjectStatus data={data} />}
        </Payload>
      );
    case "TaskList":
      return (
        <Payload what={what} options={of.options}>
          {(data) => <TaskList data={data} />}
        </Payload>
      );
    case "Metrics":
      return (
        <Payload what={what} options={of.options}>
          {(data) => <Metrics data={data} />}
        </Payload>
      );
    case "Alert":
      return (
        <Payload what={what} options={of.options}>
          {(data) => <Alerts data={data} />}
        </Payload>
      );
    case "KanbanBoard":
      return (
        <Payload what={what} options={of.options}>
          {(data) => <KanbanBoard data={data} />}
        </Payload>
      );
    case "GanttChart":
      return (
        <Payload what={what} options={of.options}>
          {(data) => <GanttChart data={data} />}
        </Payload>
      );
    case "BurndownChart":
      return (
        <Payload what={what} options={of.options}>
          {(data) => <BurndownChart data={data} />}
        </Payload>
      );
    case "TeamActivity":
      return (
        <Payload what={what} options={of.options}>
          {(data) => <TeamActivity data={data} />}
        </Payload>
      );
    case "Calls":
      return <Calls options={of.options} label={`${of.title}, rows`} />;
    case "Spend":
      return <Spend options={of.options} />;
    case "Slo":
      return <Slo options={of.options} />;
    case "ServiceHealth":
      return <ServiceHealth options={of.options} />;
    default:
      return <Empty title="A newer kind of widget">Reload the page to get the client that knows it.</Empty>;
  }
}

/** What a widget shows, whichever it is. Drawn anew for other content only, not for each move of a neighbour. */
export const WidgetBody = memo(
  ({ of }: { of: Shown }) => (
    <Fence what={of.title} of={of.options}>
      <Body of={of as Widget} />
    </Fence>
  ),
  ({ of: before }, { of: after }) =>
    before.type === after.type && before.title === after.title && before.options === after.options,
);
