import Button from "@mui/material/Button";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { invocationList, toolMeter } from "../../api/queries/tools";
import { useMay } from "../../api/session";
import type { ToolInvocation } from "../../api/types";
import { FilterChip, options, SearchBox, useFilters } from "../../parts/filters";
import { duration } from "../../parts/format";
import { Card } from "../../parts/page";
import { type Column, More, Table } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { VerdictPill } from "../../parts/verdict";
import { Ago, Parts, Pill } from "../../parts/words";
import { ToolsHead } from "./head";
import { shortPin } from "./words";

const columns: Column<ToolInvocation>[] = [
  { name: "When", nowrap: true, cell: (it) => <Ago at={it.at} /> },
  {
    name: "Tool",
    wide: true,
    cell: (it) => (
      <>
        <Link to={`/calls/${it.call_id}`} className="mono strong" data-open>
          <Parts of={it.tool} />
        </Link>
        <div className="dim break">{it.server}</div>
      </>
    ),
  },
  { name: "Who", hide: "s", cell: (it) => <span className="break">{it.principal.name || it.principal.kind}</span> },
  {
    name: "Outcome",
    nowrap: true,
    cell: (it) => (
      <span className="row" style={{ gap: 6 }}>
        <VerdictPill call={{ verdict: it.outcome, reason: it.error, attempts: it.attempts, status: it.status }} />
        {it.cached && <Pill>from what was kept</Pill>}
      </span>
    ),
  },
  {
    name: "Definition",
    hide: "l",
    cell: (it) => <span className="mono dim">{it.pin === null ? "–" : shortPin(it.pin)}</span>,
  },
  {
    name: "Arguments",
    hide: "l",
    cell: (it) => (
      <span className="mono dim">{it.arguments_sha256 === null ? "–" : shortPin(it.arguments_sha256)}</span>
    ),
  },
  { name: "Took", right: true, nowrap: true, hide: "s", cell: (it) => duration(it.duration_us) },
];

export function Invocations() {
  const { values, set, clear, any } = useFilters(["server", "tool", "outcome"] as const);
  const query = useInfiniteQuery(invocationList(values));
  const servers = useQuery({ ...toolMeter, enabled: useMay("tools.read") }).data?.map((it) => it.server) ?? [];
  const mayCall = useMay("services.call");
  const rows = query.data?.pages.flatMap((page) => page.items);
  return (
    <>
      <ToolsHead at="invocations" />
      <search className="filters">
        <SearchBox label="Name of a tool" value={values.tool ?? ""} onChange={(tool) => set({ tool })} />
        <FilterChip
          name="server"
          value={values.server}
          options={options(...servers)}
          onChange={(server) => set({ server })}
        />
        <FilterChip
          name="outcome"
          value={values.outcome}
          options={options("allowed", "refused", "failed", "cancelled")}
          onChange={(outcome) => set({ outcome })}
        />
        {any && (
          <Button variant="text" onClick={clear}>
            Clear
          </Button>
        )}
      </search>
      {query.error && <Trouble error={query.error} what="The invocations" retry={() => query.refetch()} />}
      {rows?.length === 0 && !query.hasNextPage ? (
        <Card>
          <Empty
            title={any ? "No call fits" : "No tool was called yet"}
            command={any ? undefined : "portico tools invocations"}
            action={
              any ? (
                <Button onClick={clear}>Clear the filters</Button>
              ) : (
                mayCall && (
                  <Button component={Link} to="/tools/playground" variant="contained">
                    Call one
                  </Button>
                )
              )
            }
          >
            {any
              ? "Choose another server or outcome, or the whole name of another tool."
              : "Each tools/call of a client is recorded with the definition that was called, a digest of its arguments, and what came of it."}
          </Empty>
        </Card>
      ) : (
        !(query.error && !rows) && (
          <div className="card flush">
            <Table label="Invocations" columns={columns} rows={rows} rowKey={(it) => it.call_id} opens tall />
            {rows && <More shown={rows.length} noun="call" {...query} />}
          </div>
        )
      )}
    </>
  );
}
