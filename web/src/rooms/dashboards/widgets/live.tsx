import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { callSeries, liveCalls, recentCalls, usageBy } from "../../../api/queries/calls";
import { allServices } from "../../../api/queries/services";
import type { Service, UsageRow } from "../../../api/types";
import type { CallsOptions, Range, ServiceHealthOptions, SloOptions, SpendOptions } from "../../../api/widgets";
import { Spark } from "../../../parts/chart";
import { compact, count, counted, duration, money, percent } from "../../../parts/format";
import { useNow } from "../../../parts/now";
import { lengthOf, startOf, stepFor } from "../../../parts/range";
import { Empty, Loaded } from "../../../parts/trouble";
import { BreakerPill, StatusPill } from "../../../parts/verdict";
import { Pill } from "../../../parts/words";
import { CallTable } from "../../calls/call-table";
import { mergeCalls } from "../../calls/merge";
import { ladder } from "../../calls/series";
import { Progress } from "./parts";
import { errorBudgetLeft, figuresOf, troubled } from "./readings";

const refreshMs = 30_000;
const rangeWords: Record<Range, string> = {
  "1h": "the last hour",
  "24h": "the last 24 hours",
  "7d": "the last 7 days",
  "30d": "the last 30 days",
};

export function Calls({ options, label }: { options: CallsOptions; label: string }) {
  const filters = {
    service: options.service,
    verdict: options.verdict === "any" ? undefined : options.verdict,
  };
  const top = options.top ?? 10;
  const read = useQuery(recentCalls(filters, top));
  const tail = useQuery(liveCalls).data?.items ?? [];
  const rows = mergeCalls(tail, read.data ?? [], filters).slice(0, top);
  return (
    <Loaded query={read} what="The calls" skeleton={<CallTable label={label} calls={undefined} skeletonRows={4} />}>
      {() =>
        rows.length === 0 ? (
          <Empty title={filters.service || filters.verdict ? "No such call yet" : "No calls yet"}>
            Calls appear here the moment they happen.
          </Empty>
        ) : (
          <CallTable label={label} calls={rows} />
        )
      }
    </Loaded>
  );
}

function SpendRow({ row, most, by, range }: { row: UsageRow; most: number; by: SpendOptions["by"]; range: Range }) {
  const to =
    by === "principal"
      ? `/calls?principal_id=${encodeURIComponent(row.key.id ?? "")}&range=${range}`
      : `/calls?service=${encodeURIComponent(row.key.name)}&range=${range}`;
  return (
    <li>
      <div className="row apart widget-line">
        <Link to={to} className="break">
          {row.key.name || "anonymous"}
        </Link>
        <span className="mono">{money(row.cost_microusd)}</span>
      </div>
      <Progress
        percent={most === 0 ? 0 : (row.cost_microusd / most) * 100}
        label={`${row.key.name || "anonymous"}, against the dearest`}
      />
    </li>
  );
}

export function Spend({ options }: { options: SpendOptions }) {
  const { by = "service", range = "24h", top = 5 } = options;
  const query = useQuery({ ...usageBy(by, startOf(range, useNow()) ?? ""), refetchInterval: refreshMs });
  return (
    <Loaded query={query} what="The spend">
      {(rows) => {
        const spent = rows
          .filter((row) => row.cost_microusd > 0)
          .sort((one, other) => other.cost_microusd - one.cost_microusd);
        const total = spent.reduce((sum, row) => sum + row.cost_microusd, 0);
        if (spent.length === 0) {
          return (
            <Empty title="Nothing spent">
              {rows.length === 0
                ? "No calls"
                : `${counted(figuresOf(rows).calls, "call")}, none of which cost anything,`}{" "}
              in {rangeWords[range]}.
            </Empty>
          );
        }
        return (
          <div className="stack tight">
            <div className="stat">
              <div className="value">{money(total)}</div>
              <div className="dim">in {rangeWords[range]}</div>
            </div>
            <ul className="widget-list plain">
              {spent.slice(0, top).map((row) => (
                <SpendRow
                  key={row.key.id ?? row.key.name}
                  row={row}
                  most={spent[0]?.cost_microusd ?? 0}
                  by={by}
                  range={range}
                />
              ))}
            </ul>
            {spent.length > top && <p className="dim">and {counted(spent.length - top, "other")}</p>}
          </div>
        );
      }}
    </Loaded>
  );
}

function Level({
  name,
  value,
  met,
  children,
}: {
  name: string;
  value: string;
  met: boolean | null;
  children: ReactNode;
}) {
  return (
    <div className="slo-level">
      <div className="row apart">
        <span className="dim">{name}</span>
        {met !== null && <Pill tone={met ? "ok" : "bad"}>{met ? "met" : "missed"}</Pill>}
      </div>
      <div className="value">{value}</div>
      {children}
    </div>
  );
}

export function Slo({ options }: { options: SloOptions }) {
  const { service, range = "24h", success_target_percent: target = 99, p95_target_ms: slowest = 2_000 } = options;
  const now = useNow();
  const from = startOf(range, now) ?? "";
  const usage = useQuery({ ...usageBy("service", from), refetchInterval: refreshMs });
  const stepS = stepFor(lengthOf(range));
  const series = useQuery({ ...callSeries({ from, step_s: stepS, service }), refetchInterval: refreshMs });
  return (
    <Loaded query={usage} what="The service level">
      {(rows) => {
        const mine = service ? rows.filter((row) => row.key.name === service) : rows;
        const { calls, failed, answered, worst } = figuresOf(mine);
        if (answered === 0) {
          return (
            <Empty title="Nothing to measure">
              {service ? `${service} has not been called` : "Nothing was called"} in {rangeWords[range]}.
            </Empty>
          );
        }
        const success = ((answered - failed) / answered) * 100;
        const left = errorBudgetLeft(success, target);
        const { points } = ladder(series.data?.points ?? [], stepS, Date.parse(from), now);
        const p95s = points.map((point) => point?.p95_us ?? null);
        return (
          <div className="stack tight">
            <div className="slo">
              <Level name="Succeeded" value={percent(success)} met={success >= target}>
                <Progress
                  percent={left}
                  label="Error budget left"
                  tone={left <= 0 ? "bad" : left < 25 ? "warn" : undefined}
                />
                <div className="dim">
                  target {percent(target)} · {left > 0 ? `error budget ${percent(left)} left` : "error budget used up"}
                </div>
              </Level>
              <Level
                name="p95"
                value={duration(worst?.p95_us)}
                met={worst?.p95_us == null ? null : worst.p95_us <= slowest * 1000}
              >
                {p95s.filter((value) => value !== null).length > 1 && <Spark values={p95s} color="var(--accent)" />}
                <div className="dim">
                  target {duration(slowest * 1000)}
                  {!service && worst && ` · slowest: ${worst.key.name}`}
                </div>
              </Level>
            </div>
            <p className="dim">
              {compact(calls)} {calls === 1 ? "call" : "calls"}, {count(failed)} failed, in {rangeWords[range]}
              {service ? ` · ${service}` : ""}
            </p>
          </div>
        );
      }}
    </Loaded>
  );
}

function HealthRow({ service }: { service: Service }) {
  const endpoints = service.versions.flatMap((version) => version.endpoints);
  const open = endpoints.map((endpoint) => endpoint.breaker).find((breaker) => breaker && breaker.state !== "closed");
  return (
    <li className="row apart widget-line">
      <span className="break">
        <Link to={`/services/${encodeURIComponent(service.name)}`}>{service.name}</Link>{" "}
        <span className="dim">{service.kind}</span>
      </span>
      <span className="row">
        {open && <BreakerPill state={open.state} />}
        <StatusPill status={service.status} />
      </span>
    </li>
  );
}

export function ServiceHealth({ options }: { options: ServiceHealthOptions }) {
  const { services: names, only_troubled: onlyTroubled = false, top = 10 } = options;
  const query = useQuery({ ...allServices, refetchInterval: refreshMs });
  return (
    <Loaded query={query} what="The services">
      {(all) => {
        const asked = names && names.length > 0 ? all.filter((it) => names.includes(it.name)) : all;
        const bad = asked.filter(troubled);
        const shown = [...bad, ...(onlyTroubled ? [] : asked.filter((it) => !troubled(it)))];
        if (shown.length === 0) {
          return asked.length === 0 ? (
            <Empty title="No services">
              {names ? "None of the chosen services is here." : "None is registered yet."}
            </Empty>
          ) : (
            <Empty title="All healthy">{counted(asked.length, "service")}, none of them in trouble.</Empty>
          );
        }
        return (
          <div className="stack tight">
            <p className={bad.length > 0 ? "bad strong" : "ok strong"}>
              {bad.length > 0 ? `${bad.length} of ${counted(asked.length, "service")} in trouble` : "none in trouble"}
            </p>
            <ul className="widget-list" aria-label="Services">
              {shown.slice(0, top).map((service) => (
                <HealthRow key={service.id} service={service} />
              ))}
            </ul>
            {shown.length > top && <p className="dim">and {counted(shown.length - top, "other")}</p>}
          </div>
        );
      }}
    </Loaded>
  );
}
