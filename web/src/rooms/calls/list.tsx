import Button from "@mui/material/Button";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type CallFilters, callList, liveCalls } from "../../api/queries/calls";
import { allKeys } from "../../api/queries/keys";
import { allServices } from "../../api/queries/services";
import { useMay } from "../../api/session";
import { useHold } from "../../live/hold";
import { FilterChip, FixedChip, options, SearchBox, useFilters } from "../../parts/filters";
import { exact } from "../../parts/format";
import { useNow } from "../../parts/now";
import { Card, PageHead } from "../../parts/page";
import { ranges, startOf } from "../../parts/range";
import { More } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { CallTable } from "./call-table";
import { mergeCalls } from "./merge";
import { CallTabs } from "./tabs";
import { TimeDialog } from "./time-dialog";

const names = ["verdict", "kind", "service", "principal_id", "q", "range", "from", "to"] as const;

function useNames() {
  const services = useQuery({ ...allServices, enabled: useMay("services.read") }).data ?? [];
  const keys = useQuery({ ...allKeys, enabled: useMay("keys.read") }).data ?? [];
  return {
    services: services.map((service) => ({ value: service.name, name: service.name })),
    keys: keys.map((key) => ({ value: key.id, name: key.name })),
  };
}

function Filters({ filters }: { filters: ReturnType<typeof useFilters<(typeof names)[number]>> }) {
  const { values, set, clear, any } = filters;
  const known = useNames();
  const [picking, setPicking] = useState(false);
  const fixed = values.from || values.to;
  return (
    <search className="filters">
      <SearchBox label="Call id or correlation id" value={values.q ?? ""} onChange={(q) => set({ q })} />
      <FilterChip
        name="verdict"
        value={values.verdict}
        options={options("allowed", "refused", "failed", "cancelled")}
        onChange={(verdict) => set({ verdict })}
      />
      <FilterChip
        name="kind"
        value={values.kind}
        options={options("http", "model", "tools", "agent", "builtin")}
        onChange={(kind) => set({ kind })}
      />
      <FilterChip
        name="service"
        value={values.service}
        options={known.services}
        onChange={(service) => set({ service })}
      />
      <FilterChip
        name="who"
        any="anyone"
        value={values.principal_id}
        options={known.keys}
        onChange={(principal_id) => set({ principal_id })}
      />
      {fixed ? (
        <FixedChip
          name="time"
          value={`${values.from ? exact(values.from).slice(0, 19) : "the beginning"} to ${values.to ? exact(values.to).slice(0, 19) : "now"}`}
          onClear={() => set({ from: null, to: null })}
        />
      ) : (
        <FilterChip
          name="time"
          value={values.range}
          options={ranges.map(({ value, name }) => ({ value, name }))}
          onChange={(range) => set({ range })}
        />
      )}
      <Button variant="text" onClick={() => setPicking(true)}>
        From … to …
      </Button>
      {any && (
        <Button variant="text" onClick={clear}>
          Clear
        </Button>
      )}
      {picking && (
        <TimeDialog
          title="Calls from … to …"
          onClose={() => setPicking(false)}
          onPick={(from, to) => {
            set({ from, to, range: null });
            setPicking(false);
          }}
        />
      )}
    </search>
  );
}

export function CallList() {
  const filters = useFilters(names);
  const { range, from, ...rest } = filters.values;
  const now = useNow();
  const asked: CallFilters = { ...rest, from: from ?? startOf(range, now) };
  const query = useInfiniteQuery(callList(asked));
  const tail = useQuery(liveCalls).data?.items ?? [];
  const isLive = !asked.to;
  const read = query.data?.pages.flatMap((page) => page.items);
  const rows = read && (isLive ? mergeCalls(tail, read, asked) : read);
  const hold = useHold(rows ?? [], JSON.stringify(filters.values));
  return (
    <>
      <PageHead
        title="Calls"
        tab="Calls"
        line="every use of a service, with who, the verdict and what it cost"
        actions={
          isLive && (
            <>
              {hold.waiting > 0 && (
                <button type="button" className="chip on" onClick={hold.release}>
                  Show {hold.waiting} new
                </button>
              )}
              <Button onClick={hold.toggle} aria-pressed={hold.paused}>
                {hold.paused ? "Resume" : "Pause"}
              </Button>
            </>
          )
        }
      />
      <CallTabs at="calls" />
      <Filters filters={filters} />
      {query.error && <Trouble error={query.error} what="The calls" retry={() => query.refetch()} />}
      {rows && rows.length === 0 ? (
        <Card>
          <Empty
            title={filters.any ? "No call fits these filters" : "No calls yet"}
            command={
              filters.any ? undefined : `curl ${location.origin}/v1/models -H "Authorization: Bearer $PORTICO_KEY"`
            }
            action={filters.any ? <Button onClick={filters.clear}>Clear the filters</Button> : undefined}
          >
            {filters.any
              ? "Widen the time, or take a filter away."
              : "Send one with a key of this scope and it appears here at once."}
          </Empty>
        </Card>
      ) : (
        !(query.error && !rows) && (
          <div className="card flush" {...(isLive ? hold.holders : {})}>
            <CallTable label="Calls" calls={rows && hold.rows} tall skeletonRows={12} />
            {rows && <More shown={hold.rows.length} noun="call" {...query} />}
          </div>
        )
      )}
    </>
  );
}
