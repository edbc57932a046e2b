import { type PointerEvent, useState } from "react";
import type { BurndownChartData, GanttChartData, GanttTask, KanbanBoardData } from "../../../api/widgets";
import { niceTop } from "../../../parts/chart";
import { counted } from "../../../parts/format";
import { useNow } from "../../../parts/now";
import { Empty } from "../../../parts/trouble";
import { Pill } from "../../../parts/words";
import { Away } from "./parts";
import { dayNumber, dayText, figure, priorityTones, shortDay, today } from "./words";

export function KanbanBoard({ data }: { data: KanbanBoardData }) {
  if (data.columns.length === 0) return <Empty title="No columns">The board has no columns yet.</Empty>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
    <section className="kanban" aria-label="Board" tabIndex={0}>
      {data.columns.map((column) => {
        const tasks = data.tasks.filter((task) => task.column === column.id);
        const over = column.most !== undefined && tasks.length > column.most;
        return (
          <section key={column.id} aria-label={column.title} className="kanban-column">
            <h3 className="row apart">
              <span className="break">{column.title}</span>
              <span className={over ? "bad num" : "dim num"}>
                {tasks.length}
                {column.most !== undefined && ` of ${column.most}`}
                {over && <span className="hidden-text"> too many</span>}
              </span>
            </h3>
            <ul>
              {tasks.map((task) => (
                <li key={task.id} className="kanban-task">
                  <div className="break">
                    <Away to={task.link}>{task.title}</Away>
                  </div>
                  {(task.assignee || task.priority) && (
                    <div className="row apart dim">
                      <span className="break">{task.assignee}</span>
                      {task.priority && <Pill tone={priorityTones[task.priority]}>{task.priority}</Pill>}
                    </div>
                  )}
                </li>
              ))}
            </ul>
          </section>
        );
      })}
    </section>
  );
}

/** The first of each month or week between two days, some four to eight of them. */
function ticksOf(from: number, to: number): number[] {
  const step = [1, 2, 7, 14, 30, 61, 91, 182, 365].find((days) => (to - from) / days <= 6) ?? 730;
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
}

function Bar({ task, from, length, names }: { task: GanttTask; from: number; length: number; names: string[] }) {
  const start = dayNumber(task.starts);
  const days = Math.max(1, dayNumber(task.ends) - start + 1);
  const done = task.progress_percent ?? 0;
  const says = [
    `${shortDay(task.starts)} to ${shortDay(task.ends)}`,
    task.progress_percent === undefined ? null : `${done} % done`,
    task.assignee ?? null,
    names.length > 0 ? `after ${names.join(", ")}` : null,
  ].filter((word) => word !== null);
  return (
    <div className="gantt-track">
      <span
        className="gantt-bar"
        title={says.join(" · ")}
        style={{ left: `${((start - from) / length) * 100}%`, width: `${(days / length) * 100}%` }}
      >
        <i style={{ width: `${done}%` }} />
      </span>
      <span className="hidden-text">{says.join(", ")}</span>
    </div>
  );
}

export function GanttChart({ data }: { data: GanttChartData }) {
  const now = today(useNow());
  if (data.tasks.length === 0) return <Empty title="No tasks">Nothing is planned yet.</Empty>;
  const from = Math.min(...data.tasks.map((task) => dayNumber(task.starts)));
  const until = Math.max(...data.tasks.map((task) => dayNumber(task.ends))) + 1;
  const length = Math.max(1, until - from);
  const titles = new Map(data.tasks.map((task) => [task.id, task.title]));
  const share = (day: number) => `${((day - from) / length) * 100}%`;
  return (
    <div className="gantt">
      <div className="gantt-lines" aria-hidden="true">
        {ticksOf(from, until).map((day) => (
          <span key={day} style={{ left: share(day) }} />
        ))}
        {now >= from && now < until && <span className="gantt-today" style={{ left: share(now) }} />}
      </div>
      <div className="gantt-days dim" aria-hidden="true">
        {ticksOf(from, until)
          .filter((day) => (day - from) / length < 0.93)
          .map((day) => (
            <span key={day} style={{ left: share(day) }}>
              {shortDay(dayText(day))}
            </span>
          ))}
      </div>
      <ul aria-label="Tasks over time">
        {data.tasks.map((task) => (
          <li key={task.id} className="gantt-task">
            <span className="gantt-title" title={task.title}>
              {task.title}
            </span>
            <Bar task={task} from={from} length={length} names={(task.after ?? []).map((id) => titles.get(id) ?? id)} />
          </li>
        ))}
      </ul>
    </div>
  );
}

const [width, height] = [1000, 200];

export function BurndownChart({ data }: { data: BurndownChartData }) {
  const [at, setAt] = useState<number | null>(null);
  const points = data.points.toSorted((one, other) => dayNumber(one.day) - dayNumber(other.day));
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return <Empty title="No points">The chart begins with the first day that is told.</Empty>;
  const from = dayNumber(first.day);
  const days = Math.max(1, dayNumber(last.day) - from);
  const top = niceTop(Math.max(0, ...points.map((point) => Math.max(point.left, point.ideal ?? 0))));
  const x = (day: string) => ((dayNumber(day) - from) / days) * width;
  const y = (value: number) => height - 1 - (value / top) * (height - 3);
  const path = (of: { day: string; value: number }[]) =>
    of.map(({ day, value }, index) => `${index ? "L" : "M"}${x(day).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const left = points.map((point) => ({ day: point.day, value: point.left }));
  const ideal = points.flatMap((point) => (point.ideal === undefined ? [] : { day: point.day, value: point.ideal }));
  const unit = data.unit ? ` ${data.unit}` : "";
  const read = at === null ? last : (points[at] ?? last);
  const point = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const day = from + ((event.clientX - box.left) / box.width) * days;
    const apart = points.map((it) => Math.abs(dayNumber(it.day) - day));
    setAt(apart.indexOf(Math.min(...apart)));
  };
  return (
    <figure className="burndown">
      <figcaption className="row apart">
        <span className="legend">
          <span>
            <i style={{ background: "var(--accent)" }} />
            left
          </span>
          {ideal.length > 0 && (
            <span>
              <i style={{ background: "var(--line-strong)" }} />
              ideal
            </span>
          )}
        </span>
        <span className="num">
          <span className="dim">{shortDay(read.day)}</span> <strong>{figure(read.left)}</strong>
          {unit} left
          {read.ideal !== undefined && <span className="dim"> · ideal {figure(read.ideal)}</span>}
        </span>
      </figcaption>
      <div className="burndown-plot" onPointerMove={point} onPointerLeave={() => setAt(null)}>
        <svg
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`From ${figure(first.left)}${unit} on ${shortDay(first.day)} to ${figure(last.left)}${unit} on ${shortDay(last.day)}, ${counted(points.length, "point")}`}
        >
          {[0, 0.5, 1].map((part) => (
            <line
              key={part}
              x1="0"
              x2={width}
              y1={y(part * top)}
              y2={y(part * top)}
              stroke="var(--line)"
              vectorEffect="non-scaling-stroke"
            />
          ))}
          <path
            d={path(ideal)}
            fill="none"
            stroke="var(--line-strong)"
            strokeWidth="1.5"
            strokeDasharray="5 4"
            vectorEffect="non-scaling-stroke"
          />
          <path d={path(left)} fill="none" stroke="var(--accent)" strokeWidth="2" vectorEffect="non-scaling-stroke" />
          {at !== null && (
            <line
              x1={x(read.day)}
              x2={x(read.day)}
              y1="0"
              y2={height}
              stroke="var(--line-strong)"
              vectorEffect="non-scaling-stroke"
            />
          )}
        </svg>
        <span className="chart-top num" aria-hidden="true">
          {figure(top)}
          {unit}
        </span>
      </div>
      <div className="row apart dim num" aria-hidden="true" style={{ fontSize: 11 }}>
        <span>{shortDay(first.day)}</span>
        <span>{shortDay(last.day)}</span>
      </div>
    </figure>
  );
}
