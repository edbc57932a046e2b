import type {
  AlertData,
  Facts as FactsOf,
  Metric,
  MetricsData,
  ProjectStatusData,
  TaskListData,
  TeamActivityData,
} from "../../../api/widgets";
import { useNow } from "../../../parts/now";
import { Facts } from "../../../parts/page";
import { Empty } from "../../../parts/trouble";
import { Ago, Pill } from "../../../parts/words";
import { Away, Progress } from "./parts";
import {
  changeTone,
  dayNumber,
  figure,
  priorityTones,
  projectWords,
  severityTones,
  shortDay,
  taskWords,
  today,
  wordFor,
} from "./words";

function Due({ day, over }: { day: string | undefined; over?: boolean }) {
  const now = today(useNow());
  if (!day) return null;
  const late = !over && dayNumber(day) < now;
  return (
    <time dateTime={day} className={late ? "bad" : undefined}>
      {late ? "was due" : "due"} {shortDay(day)}
    </time>
  );
}

function MoreFacts({ facts }: { facts: FactsOf | undefined }) {
  const entries = Object.entries(facts ?? {});
  if (entries.length === 0) return null;
  return <Facts of={entries.map(([name, value]) => [name, value === null ? "–" : String(value)])} />;
}

export function ProjectStatus({ data }: { data: ProjectStatusData }) {
  const word = wordFor(projectWords, data.status);
  return (
    <div className="stack tight">
      <div className="row apart">
        <strong className="break">{data.name}</strong>
        <Pill tone={word.tone} dot>
          {word.text}
        </Pill>
      </div>
      {data.progress_percent !== undefined && (
        <div className="row widget-progress">
          <Progress percent={data.progress_percent} label="Progress" />
          <span className="num">{data.progress_percent} %</span>
        </div>
      )}
      {(data.owner || data.due) && (
        <div className="row dim">
          {data.owner && <span>{data.owner}</span>}
          <Due day={data.due} over={data.status === "done"} />
        </div>
      )}
      {data.summary && <p className="break">{data.summary}</p>}
      {data.milestones && data.milestones.length > 0 && (
        <ul className="widget-list" aria-label="Milestones">
          {data.milestones.map((milestone) => (
            <li key={`${milestone.title} ${milestone.due}`} className="row apart">
              <span className={milestone.done ? "break dim" : "break"}>{milestone.title}</span>
              {milestone.done ? (
                <Pill tone="ok">done</Pill>
              ) : (
                <span className="dim">
                  <Due day={milestone.due} />
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
      <MoreFacts facts={data.facts} />
    </div>
  );
}

export function TaskList({ data }: { data: TaskListData }) {
  if (data.tasks.length === 0) return <Empty title="No tasks">Nothing is to be done here.</Empty>;
  return (
    <ul className="widget-list" aria-label="Tasks">
      {data.tasks.map((task) => (
        <li key={task.id}>
          <div className="row apart widget-line">
            <span className={task.status === "done" ? "break dim" : "break"}>
              <Away to={task.link}>{task.title}</Away>
            </span>
            <Pill tone={wordFor(taskWords, task.status).tone}>{wordFor(taskWords, task.status).text}</Pill>
          </div>
          {(task.assignee || task.due || task.priority) && (
            <div className="row dim widget-meta">
              {task.assignee && <span>{task.assignee}</span>}
              <Due day={task.due} over={task.status === "done"} />
              {task.priority && (
                <span className={priorityTones[task.priority] === "plain" ? undefined : priorityTones[task.priority]}>
                  {task.priority}
                </span>
              )}
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}

function Figure({ metric }: { metric: Metric }) {
  const change = metric.change_percent;
  return (
    <div className="widget-figure">
      <dt className="dim break">{metric.name}</dt>
      <dd>
        <span className="value">{figure(metric.value)}</span>
        {metric.unit && <span className="dim"> {metric.unit}</span>}
        <span className="note">
          {change !== undefined && (
            <span className={changeTone(metric)}>
              <span aria-hidden="true">{change > 0 ? "▲" : change < 0 ? "▼" : "="}</span>
              <span className="hidden-text">{change > 0 ? "up" : change < 0 ? "down" : "unchanged"}</span>{" "}
              {figure(Math.abs(change))} %
            </span>
          )}
          {metric.target !== undefined && (
            <span className="dim">
              of {figure(metric.target)}
              {metric.unit ? ` ${metric.unit}` : ""}
            </span>
          )}
        </span>
      </dd>
    </div>
  );
}

export function Metrics({ data }: { data: MetricsData }) {
  if (data.metrics.length === 0) return <Empty title="No figures">None were given.</Empty>;
  return (
    <dl className="widget-figures">
      {data.metrics.map((metric) => (
        <Figure key={metric.name} metric={metric} />
      ))}
    </dl>
  );
}

export function Alerts({ data }: { data: AlertData }) {
  if (data.alerts.length === 0) return <Empty title="No alerts">All is quiet.</Empty>;
  return (
    <ul className="widget-list" aria-label="Alerts">
      {data.alerts.map((alert) => (
        <li key={alert.id}>
          <div className="row widget-line">
            <Pill tone={severityTones[alert.severity]}>{alert.severity}</Pill>
            <strong className="break">
              <Away to={alert.link}>{alert.title}</Away>
            </strong>
          </div>
          {alert.text && <p className="break">{alert.text}</p>}
          {(alert.source || alert.at) && (
            <div className="row dim widget-meta">
              {alert.source && <span>{alert.source}</span>}
              {alert.at && <Ago at={alert.at} />}
            </div>
          )}
          <MoreFacts facts={alert.facts} />
        </li>
      ))}
    </ul>
  );
}

export function TeamActivity({ data }: { data: TeamActivityData }) {
  if (data.activities.length === 0) return <Empty title="No activity">Nobody did anything that was told.</Empty>;
  return (
    <ul className="widget-list" aria-label="Activity">
      {data.activities.map((activity) => (
        <li key={activity.id} className="row apart widget-line">
          <span className="break">
            <strong>{activity.who}</strong> {activity.did}{" "}
            {activity.what && <Away to={activity.link}>{activity.what}</Away>}
          </span>
          <span className="dim">
            <Ago at={activity.at} />
          </span>
        </li>
      ))}
    </ul>
  );
}
