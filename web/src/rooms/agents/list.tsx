import Button from "@mui/material/Button";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { agentList } from "../../api/queries/agents";
import { usageBy } from "../../api/queries/calls";
import { useMay } from "../../api/session";
import type { Agent } from "../../api/types";
import { FilterChip, FixedChip, options, SearchBox, useFilters } from "../../parts/filters";
import { count } from "../../parts/format";
import { useNow } from "../../parts/now";
import { Card } from "../../parts/page";
import { startOf } from "../../parts/range";
import { type Column, More, Table } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { Ago } from "../../parts/words";
import { AgentsHead } from "./head";
import { pathOf } from "./paths";
import { HealthPill, Tags } from "./words";

function columnsFor(calls: Map<string, number> | null): Column<Agent>[] {
  return [
    {
      name: "Name",
      wide: true,
      cell: (agent) => (
        <>
          <Link to={pathOf(agent)} className="strong break" data-open>
            {agent.name}
          </Link>
          <div className="dim break">
            {agent.title}
            {agent.version && ` ${agent.version}`}
          </div>
        </>
      ),
    },
    {
      name: "Health",
      nowrap: true,
      cell: (agent) => (
        <>
          <HealthPill of={agent.health.status} />
          {agent.card.problem && <div className="bad">card in trouble</div>}
        </>
      ),
    },
    {
      name: "Skills",
      wide: true,
      hide: "m",
      cell: (agent) => <Tags of={agent.skills.map((skill) => skill.id)} most={3} />,
    },
    {
      name: "A2A",
      nowrap: true,
      hide: "l",
      cell: (agent) => <span className="mono">{agent.card.protocols.join(", ") || "–"}</span>,
    },
    { name: "Card read", nowrap: true, hide: "s", cell: (agent) => <Ago at={agent.card.read_at} never="never" /> },
    ...(calls
      ? [
          {
            name: "Calls, 24 h",
            right: true,
            hide: "s" as const,
            cell: (agent: Agent) => (
              <span className={calls.get(agent.id) ? undefined : "dim"}>{count(calls.get(agent.id) ?? 0)}</span>
            ),
          },
        ]
      : []),
  ];
}

function useCallsOfADay(): Map<string, number> | null {
  const mayRead = useMay("calls.read");
  const usage = useQuery({ ...usageBy("service", startOf("24h", useNow()) ?? ""), enabled: mayRead });
  return usage.data ? new Map(usage.data.map((row) => [row.key.id, row.calls])) : null;
}

export function AgentList() {
  const { values, set, any, clear } = useFilters(["q", "capability", "health"] as const);
  const query = useInfiniteQuery(agentList(values));
  const calls = useCallsOfADay();
  const mayManage = useMay("agents.manage");
  const rows = query.data?.pages.flatMap((page) => page.items);
  const create = mayManage && (
    <Button component={Link} to="/agents/new" variant="contained">
      Register an agent
    </Button>
  );
  const none = rows?.length === 0 && !any;
  return (
    <>
      <AgentsHead at="agents" actions={create} />
      {query.error && <Trouble error={query.error} what="The agents" retry={() => query.refetch()} />}
      {none ? (
        <Card>
          <Empty
            title="No agents yet"
            command="portico agents register http://127.0.0.1:18091 --name files"
            action={create}
          >
            An agent says in its card what it can do. Give the address of one that speaks A2A, 1.0 or 0.3: its card is
            read and kept up to date, and your programs reach it here with their own key, within their limits and
            budgets, and on the record.
          </Empty>
        </Card>
      ) : (
        !(query.error && !rows) && (
          <>
            <div className="filters">
              <SearchBox label="Search names" value={values.q ?? ""} onChange={(q) => set({ q })} />
              <FilterChip
                name="health"
                value={values.health}
                options={options("healthy", "unhealthy", "dead", "unknown")}
                onChange={(health) => set({ health })}
              />
              {values.capability && (
                <FixedChip name="can" value={values.capability} onClear={() => set({ capability: null })} />
              )}
            </div>
            <div className="card flush">
              {rows?.length === 0 ? (
                <Empty title="No agent fits" action={<Button onClick={clear}>Show all agents</Button>}>
                  Take a filter away to see more.
                </Empty>
              ) : (
                <Table label="Agents" columns={columnsFor(calls)} rows={rows} rowKey={(agent) => agent.id} opens />
              )}
              {rows && rows.length > 0 && <More shown={rows.length} noun="agent" {...query} />}
            </div>
          </>
        )
      )}
    </>
  );
}
