import type { KeyboardEvent, PointerEvent } from "react";
import { exact, hourMinute } from "./format";

export interface Line {
  name: string;
  color: string;
  /** One value per point; null is a gap and is shown as one. */
  values: (number | null)[];
  format: (value: number) => string;
}

/** Runs of neighbouring points, so that a gap breaks the line. */
export function runsOf(values: (number | null)[]): { start: number; values: number[] }[] {
  const runs: { start: number; values: number[] }[] = [];
  values.forEach((value, index) => {
    if (value === null) return;
    const last = runs.at(-1);
    if (last && last.start + last.values.length === index) last.values.push(value);
    else runs.push({ start: index, values: [value] });
  });
  return runs;
}

const width = 1000;

function pathsOf(values: (number | null)[], top: number, height: number) {
  const step = values.length > 1 ? width / (values.length - 1) : width;
  const y = (value: number) => height - (top === 0 ? 0 : (value / top) * (height - 3)) - 1;
  return runsOf(values).map((run) => {
    const points = run.values.map((value, index) => [(run.start + index) * step, y(value)] as const);
    // A lonely point would be invisible as a line: it is drawn a step wide.
    if (points.length === 1 && points[0]) points.unshift([points[0][0] - step * 0.6, points[0][1]]);
    const line = points.map(([px, py], index) => `${index ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join("");
    return { line, area: `${line}L${points.at(-1)?.[0].toFixed(1)} ${height}L${points[0]?.[0].toFixed(1)} ${height}Z` };
  });
}

/** A small line with no axes; the figure beside it carries the meaning. */
export function Spark({ values, color }: { values: (number | null)[]; color: string }) {
  const top = Math.max(0, ...values.filter((value) => value !== null));
  return (
    <svg className="spark" viewBox={`0 0 ${width} 36`} preserveAspectRatio="none" aria-hidden="true">
      {pathsOf(values, top, 36).map((path) => (
        <g key={path.line}>
          <path d={path.area} fill={color} opacity="0.12" />
          <path d={path.line} fill="none" stroke={color} strokeWidth="1.5" vectorEffect="non-scaling-stroke" />
        </g>
      ))}
    </svg>
  );
}

/** The next round figure above, so that the axis ends on something readable. */
export function niceTop(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 2.5, 5, 10].find((it) => it * power >= value) ?? 10) * power;
}

interface ChartProps {
  title: string;
  times: number[];
  lines: Line[];
  height?: number;
  /** The point all charts of a page read together. */
  at: number | null;
  onAt: (index: number | null) => void;
  onPick?: (index: number) => void;
}

/** Lines from zero over time; pointing reads all of them at once, and so do the arrow keys. */
export function LineChart({ title, times, lines, height = 140, at, onAt, onPick }: ChartProps) {
  const top = niceTop(Math.max(0, ...lines.flatMap((line) => line.values.filter((value) => value !== null))));
  const last = times.length - 1;
  const first = lines[0];
  if (last < 0 || !first) return null;
  const nearest = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(last, Math.round(((event.clientX - box.left) / box.width) * last)));
  };
  const walk = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      onAt(Math.max(0, Math.min(last, (at ?? last) + step)));
    }
    if (event.key === "Enter" && at !== null) onPick?.(at);
  };
  const share = at === null ? 0 : last === 0 ? 0.5 : at / last;
  return (
    <figure className="stack tight">
      <figcaption className="row apart">
        <span className="strong">{title}</span>
        <span className="legend">
          {lines.map((line) => (
            <span key={line.name}>
              <i style={{ background: line.color }} />
              {line.name}
            </span>
          ))}
        </span>
      </figcaption>
      <div
        className="chart"
        role="slider"
        tabIndex={0}
        aria-label={`${title}, read with the arrow keys`}
        aria-valuemin={0}
        aria-valuemax={last}
        aria-valuenow={at ?? last}
        aria-valuetext={`${exact(new Date(times[at ?? last] ?? 0).toISOString())}: ${lines.map((line) => `${line.name} ${say(line, at ?? last)}`).join(", ")}`}
        style={onPick ? { cursor: "pointer" } : undefined}
        onPointerMove={(event) => onAt(nearest(event))}
        onPointerLeave={() => onAt(null)}
        onBlur={() => onAt(null)}
        onKeyDown={walk}
        onClick={() => at !== null && onPick?.(at)}
      >
        <svg viewBox={`0 0 ${width} ${height}`} height={height} preserveAspectRatio="none" aria-hidden="true">
          {[0, 0.5, 1].map((part) => (
            <line
              key={part}
              x1="0"
              x2={width}
              y1={height - part * (height - 3) - 1}
              y2={height - part * (height - 3) - 1}
              stroke="var(--line)"
              vectorEffect="non-scaling-stroke"
            />
          ))}
          {lines.flatMap((line) =>
            pathsOf(line.values, top, height).map((path) => (
              <path
                key={line.name + path.line}
                d={path.line}
                fill="none"
                stroke={line.color}
                strokeWidth="1.5"
                vectorEffect="non-scaling-stroke"
              />
            )),
          )}
          {at !== null && (
            <line
              x1={share * width}
              x2={share * width}
              y1="0"
              y2={height}
              stroke="var(--line-strong)"
              vectorEffect="non-scaling-stroke"
            />
          )}
        </svg>
        <span className="chart-top num" aria-hidden="true">
          {first.format(top)}
        </span>
        {at !== null && (
          <div
            className="readout"
            style={
              share < 0.5 ? { left: `calc(${share * 100}% + 8px)` } : { right: `calc(${(1 - share) * 100}% + 8px)` }
            }
          >
            <div className="dim">{hourMinute(times[at] ?? 0)}</div>
            {lines.map((line) => (
              <div key={line.name}>
                {line.name} <strong className="num">{say(line, at)}</strong>
              </div>
            ))}
          </div>
        )}
      </div>
      <div className="row apart dim num" aria-hidden="true" style={{ fontSize: 11 }}>
        <span>{hourMinute(times[0] ?? 0)}</span>
        <span>{hourMinute(times[last] ?? 0)}</span>
      </div>
    </figure>
  );
}

function say(line: Line, index: number): string {
  const value = line.values[index];
  return value === null || value === undefined ? "no data" : line.format(value);
}
