import Button from "@mui/material/Button";
import { useQuery } from "@tanstack/react-query";
import { Link, Navigate } from "react-router";
import { liveStats, overview } from "../../api/queries/calls";
import { useMay, useMe } from "../../api/session";
import type { Attention, Budget, Overview } from "../../api/types";
import { Spark } from "../../parts/chart";
import { FilterChip, useFilters } from "../../parts/filters";
import { count, counted, duration, each, money, percent, perSecond, roundMoney } from "../../parts/format";
import { Card, PageHead } from "../../parts/page";
import { lengthOf, ranges } from "../../parts/range";
import { Lines, Loaded } from "../../parts/trouble";
import { Pill, type Tone } from "../../parts/words";
import { ladder } from "../calls/series";
import { Connect } from "./connect";
import { LiveCalls } from "./live-calls";

function Stat({
  name,
  value,
  note,
  noteTone,
  values,
  color,
}: {
  name: string;
  value: string;
  note: string;
  noteTone?: "ok" | "warn" | "bad";
  values: (number | null)[];
  color: string;
}) {
  return (
    <section className="card stat" aria-label={name}>
      <h2 className="dim" style={{ fontWeight: 400 }}>
        {name}
      </h2>
      <div className="value">{value}</div>
      <div className={`note ${noteTone ?? "dim"}`}>{note}</div>
      <Spark values={values} color={color} />
    </section>
  );
}

export function budgetNote(budget: Budget | null): { note: string; noteTone?: "ok" | "warn" | "bad" } {
  if (!budget) return { note: "no budget set" };
  const amount = budget.measure === "money" ? roundMoney(budget.limit) : `${count(budget.limit)} ${budget.measure}`;
  const noteTone = budget.used_percent >= 100 ? "bad" : budget.used_percent >= budget.warn_at_percent ? "warn" : "ok";
  return { note: `${percent(budget.used_percent)} of ${amount} ${each(budget.window)} · ${budget.name}`, noteTone };
}

function Stats({ data, windowS }: { data: Overview; windowS: number }) {
  const live = useQuery(liveStats).data;
  const until = Date.now();
  const slots = ladder(data.series.points, data.series.step_s, until - windowS * 1000, until).points;
  const wrong = data.failed + data.refused;
  return (
    <div className="tiles">
      <Stat
        name="Calls per second"
        value={perSecond(live?.calls_per_second ?? data.calls_per_second)}
        note={`${counted(data.calls, "call")} in this time`}
        values={slots.map((slot) => (slot ? slot.calls : 0))}
        color="var(--accent)"
      />
      <Stat
        name="Added latency, p95"
        value={duration(live?.added_p95_us ?? data.added_p95_us)}
        note="what Portico itself took of each call"
        values={slots.map((slot) => slot?.added_p95_us ?? null)}
        color="var(--accent)"
      />
      <Stat
        name="Failed or refused"
        value={data.calls === 0 ? "0 %" : percent((wrong / data.calls) * 100)}
        note={`${count(data.failed)} failed · ${count(data.refused)} refused`}
        noteTone={wrong > 0 ? "bad" : undefined}
        values={slots.map((slot) => (slot ? slot.failed + slot.refused : 0))}
        color="var(--bad)"
      />
      <Stat
        name="Spent today"
        value={money(live?.cost_today_microusd ?? data.cost_today_microusd)}
        {...budgetNote(data.tightest_budget)}
        values={slots.map((slot) => (slot ? slot.cost_microusd : 0))}
        color="var(--ok)"
      />
    </div>
  );
}

const attentionTones: Record<Attention["kind"], { word: string; tone: Tone }> = {
  breaker_open: { word: "breaker open", tone: "bad" },
  budget_warning: { word: "budget", tone: "warn" },
  budget_exhausted: { word: "budget exhausted", tone: "bad" },
  service_unhealthy: { word: "unhealthy", tone: "bad" },
  gateway_stale: { word: "gateway stale", tone: "warn" },
};

function NeedsAttention({ items }: { items: Attention[] }) {
  if (items.length === 0) {
    return <p className="dim">Nothing. Open breakers, tight budgets and services in trouble show up here.</p>;
  }
  return (
    <ul className="attention" aria-live="polite">
      {items.map((item) => (
        <li key={item.kind + item.link + item.title}>
          <Pill tone={attentionTones[item.kind]?.tone ?? "warn"}>{attentionTones[item.kind]?.word ?? item.kind}</Pill>{" "}
          <Link to={item.link} className="strong">
            {item.title}
          </Link>
          <div className="dim">{item.text}</div>
        </li>
      ))}
    </ul>
  );
}

export function Home() {
  // A platform operator may belong to no org; their home is the list of orgs.
  return useMe().org ? <OrgHome /> : <Navigate to="/orgs" replace />;
}

function OrgHome() {
  const { values, set } = useFilters(["range", "connect"] as const);
  const windowS = lengthOf(values.range);
  const query = useQuery(overview(windowS));
  const mayRead = useMay("calls.read");
  return (
    <>
      <PageHead
        title="Home"
        tab="Home"
        line="what runs now, what it costs, what needs you"
        actions={
          <>
            <FilterChip
              name="time"
              any="Last hour"
              value={values.range}
              options={ranges
                .filter((it) => it.value !== "1h" && it.lastS <= 86_400)
                .map(({ value, name }) => ({ value, name }))}
              onChange={(range) => set({ range })}
            />
            <Button variant="contained" onClick={() => set({ connect: "1" })}>
              Connect a client
            </Button>
          </>
        }
      />
      <Loaded query={query} what="The overview" skeleton={<TilesLoading />}>
        {(data) => <Stats data={data} windowS={windowS} />}
      </Loaded>
      <div className="main-side">
        {mayRead && <LiveCalls onConnect={() => set({ connect: "1" })} />}
        <Card title="Needs attention">
          {query.data ? (
            <NeedsAttention items={query.data.attention} />
          ) : query.error ? (
            <p className="dim">Not known right now.</p>
          ) : (
            <Lines />
          )}
        </Card>
      </div>
      {values.connect && <Connect onClose={() => set({ connect: null })} />}
    </>
  );
}

function TilesLoading() {
  return (
    <div className="tiles">
      {["a", "b", "c", "d"].map((tile) => (
        <div key={tile} className="card" style={{ minHeight: 148 }}>
          <Lines count={3} />
        </div>
      ))}
    </div>
  );
}
