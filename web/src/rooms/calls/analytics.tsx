import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { callSeries, usageBy } from "../../api/queries/calls";
import type { UsageRow } from "../../api/types";
import { LineChart } from "../../parts/chart";
import { FilterChip, useFilters } from "../../parts/filters";
import { compact, count, duration, money, percent, perSecond, seconds } from "../../parts/format";
import { useNow } from "../../parts/now";
import { Card, PageHead } from "../../parts/page";
import { lengthOf, ranges, startOf, stepFor } from "../../parts/range";
import { type Column, Table } from "../../parts/table";
import { Empty, Lines, Loaded } from "../../parts/trouble";
import { ladder } from "./series";
import { CallTabs } from "./tabs";

function Charts({ range }: { range: string }) {
  const now = useNow();
  const navigate = useNavigate();
  const [at, setAt] = useState<number | null>(null);
  const lastS = lengthOf(range);
  const from = startOf(range, now) ?? "";
  const query = useQuery(callSeries({ from, step_s: stepFor(lastS) }));
  return (
    <Loaded query={query} what="The charts" skeleton={<Lines count={6} height={28} />}>
      {(series) => {
        const { times, points } = ladder(series.points, series.step_s, Date.parse(from), now);
        const pick = (index: number) => {
          const start = times[index] ?? 0;
          const span = {
            from: new Date(start).toISOString(),
            to: new Date(start + series.step_s * 1000).toISOString(),
          };
          navigate(`/calls?${new URLSearchParams(span)}`);
        };
        const shared = { times, at, onAt: setAt, onPick: pick };
        return (
          <div className="halves">
            <Card>
              <LineChart
                {...shared}
                title={`Calls per ${series.step_s === 60 ? "minute" : seconds(series.step_s)}`}
                lines={[
                  {
                    name: "calls",
                    color: "var(--accent)",
                    values: points.map((point) => point?.calls ?? 0),
                    format: count,
                  },
                  {
                    name: "failed",
                    color: "var(--bad)",
                    values: points.map((point) => point?.failed ?? 0),
                    format: count,
                  },
                  {
                    name: "refused",
                    color: "var(--warn)",
                    values: points.map((point) => point?.refused ?? 0),
                    format: count,
                  },
                ]}
              />
            </Card>
            <Card>
              <LineChart
                {...shared}
                title="Latency, p95"
                lines={[
                  {
                    name: "whole call",
                    color: "var(--accent)",
                    values: points.map((point) => point?.p95_us ?? null),
                    format: duration,
                  },
                ]}
              />
            </Card>
            <Card>
              <LineChart
                {...shared}
                title="Added by Portico, p95"
                lines={[
                  {
                    name: "added",
                    color: "var(--accent)",
                    values: points.map((point) => point?.added_p95_us ?? null),
                    format: duration,
                  },
                ]}
              />
            </Card>
            <Card>
              <LineChart
                {...shared}
                title="Cost"
                lines={[
                  {
                    name: "cost",
                    color: "var(--ok)",
                    values: points.map((point) => point?.cost_microusd ?? 0),
                    format: money,
                  },
                ]}
              />
            </Card>
          </div>
        );
      }}
    </Loaded>
  );
}

function usageColumns(by: "service" | "principal", range: string): Column<UsageRow>[] {
  const to = (row: UsageRow) =>
    by === "service"
      ? `/calls?service=${encodeURIComponent(row.key.name)}&range=${range}`
      : `/calls?principal_id=${row.key.id ?? ""}&range=${range}`;
  const figure = (text: string) => <span className="mono">{text}</span>;
  return [
    {
      name: by === "service" ? "Service" : "Who",
      cell: (row) => (
        <Link to={to(row)} data-open>
          {row.key.name || "anonymous"}
        </Link>
      ),
    },
    { name: "Calls", right: true, nowrap: true, cell: (row) => figure(count(row.calls)) },
    {
      name: "Per second",
      right: true,
      nowrap: true,
      hide: "l",
      cell: (row) => figure(perSecond(row.calls_per_second)),
    },
    { name: "Failed", right: true, nowrap: true, hide: "m", cell: (row) => figure(count(row.failed)) },
    { name: "Refused", right: true, nowrap: true, hide: "m", cell: (row) => figure(count(row.refused)) },
    { name: "Errors", right: true, nowrap: true, cell: (row) => figure(percent(row.error_rate * 100)) },
    { name: "p50", right: true, nowrap: true, hide: "l", cell: (row) => figure(duration(row.p50_us)) },
    { name: "p95", right: true, nowrap: true, hide: "s", cell: (row) => figure(duration(row.p95_us)) },
    { name: "p99", right: true, nowrap: true, hide: "l", cell: (row) => figure(duration(row.p99_us)) },
    { name: "Added p95", right: true, nowrap: true, hide: "l", cell: (row) => figure(duration(row.added_p95_us)) },
    {
      name: "Tokens in / out",
      right: true,
      nowrap: true,
      hide: "m",
      cell: (row) => figure(`${compact(row.tokens_in)} / ${compact(row.tokens_out)}`),
    },
    { name: "Cost", right: true, nowrap: true, cell: (row) => figure(money(row.cost_microusd)) },
  ];
}

function Usage({ by, range }: { by: "service" | "principal"; range: string }) {
  const now = useNow();
  const query = useQuery(usageBy(by, startOf(range, now) ?? ""));
  const title = by === "service" ? "By service" : "By who calls";
  return (
    <Card flush title={title}>
      <Loaded
        query={query}
        what={title}
        skeleton={
          <Table label={title} columns={usageColumns(by, range)} rows={undefined} rowKey={(row) => row.key.name} />
        }
      >
        {(rows) =>
          rows.length === 0 ? (
            <Empty title="No calls in this time">Choose a longer time, or send a call.</Empty>
          ) : (
            <Table
              label={title}
              columns={usageColumns(by, range)}
              rows={rows}
              rowKey={(row) => row.key.id ?? row.key.name}
              opens
            />
          )
        }
      </Loaded>
    </Card>
  );
}

export function Analytics() {
  const { values, set } = useFilters(["range"] as const);
  const range = values.range ?? "1h";
  return (
    <>
      <PageHead
        title="Calls"
        tab="Analytics"
        line="how many, how fast, how often wrong, and for how much"
        actions={
          <FilterChip
            name="time"
            any="Last hour"
            value={values.range}
            options={ranges.filter((it) => it.value !== "1h").map(({ value, name }) => ({ value, name }))}
            onChange={(next) => set({ range: next })}
          />
        }
      />
      <CallTabs at="analytics" />
      <Charts range={range} />
      <Usage by="service" range={range} />
      <Usage by="principal" range={range} />
    </>
  );
}
