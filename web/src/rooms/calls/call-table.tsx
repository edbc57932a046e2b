import { Link } from "react-router";
import type { Call } from "../../api/types";
import { clock, dash, duration, exact, money } from "../../parts/format";
import { type Column, Table } from "../../parts/table";
import { VerdictPill } from "../../parts/verdict";
import { Tag } from "../../parts/words";

/** What was called, in one line: the model, or the service and what of it. */
function callTarget(call: Call): string {
  if (call.model) return call.model;
  if (call.dialect !== "http") return call.service.name;
  const rest = call.path.startsWith(`/svc/${call.service.name}`)
    ? call.path.slice(5 + call.service.name.length)
    : call.path;
  return rest && rest !== "/" ? `${call.service.name} ${rest}` : call.service.name;
}

function What({ call }: { call: Call }) {
  return (
    <span title={`${call.service.name} · ${call.method} ${call.path}`}>
      <span className="hide-s">
        <Tag>{call.service.kind}</Tag>{" "}
      </span>
      {callTarget(call)}
      {call.service.canary && <span className="dim"> · {call.service.version} (canary)</span>}
      {call.cached && <span className="dim"> · cached</span>}
    </span>
  );
}

const columns: Column<Call>[] = [
  {
    name: "Time",
    nowrap: true,
    cell: (call) => (
      <Link to={`/calls/${call.id}`} data-open className="mono" title={exact(call.at)}>
        {clock(call.at).slice(0, 8)}
        <span className="hide-s">{clock(call.at).slice(8)}</span>
      </Link>
    ),
  },
  {
    name: "Who",
    hide: "m",
    nowrap: true,
    cell: (call) => call.principal.name || call.principal.kind,
  },
  { name: "What", line: true, cell: (call) => <What call={call} /> },
  { name: "Verdict", nowrap: true, cell: (call) => <VerdictPill call={call} /> },
  {
    name: "Took",
    right: true,
    nowrap: true,
    hide: "s",
    cell: (call) => <span className="mono">{duration(call.duration_us)}</span>,
  },
  {
    name: "Added",
    right: true,
    nowrap: true,
    hide: "l",
    cell: (call) => <span className="mono dim">{duration(call.added_us)}</span>,
  },
  {
    name: "Cost",
    right: true,
    nowrap: true,
    hide: "m",
    cell: (call) => (
      <span className="mono">
        {call.cost_microusd ? money(call.cost_microusd) : call.verdict === "allowed" ? dash : "$0"}
      </span>
    ),
  },
];

export function CallTable({
  label,
  calls,
  tall,
  skeletonRows,
}: {
  label: string;
  calls: Call[] | undefined;
  tall?: boolean;
  skeletonRows?: number;
}) {
  return (
    <Table
      label={label}
      columns={columns}
      rows={calls}
      rowKey={(call) => call.id}
      opens
      tall={tall}
      skeletonRows={skeletonRows}
    />
  );
}
