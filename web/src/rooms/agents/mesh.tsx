import Button from "@mui/material/Button";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { meshStatus, routeTask } from "../../api/queries/agents";
import type { Mesh, MeshAgent, RoutedTask, RouteTaskAsk } from "../../api/types";
import { useFilters } from "../../parts/filters";
import { count, counted } from "../../parts/format";
import { Card } from "../../parts/page";
import { type Column, Table } from "../../parts/table";
import { Empty, Loaded, Trouble } from "../../parts/trouble";
import { Pill } from "../../parts/words";
import { Graph } from "./graph";
import { AgentsHead } from "./head";
import { pathOf } from "./paths";
import { HealthPill, MeshPill, Tags } from "./words";

const columns: Column<MeshAgent>[] = [
  {
    name: "Agent",
    wide: true,
    cell: (agent) => (
      <>
        <Link to={pathOf(agent)} className="strong break" data-open>
          {agent.name}
        </Link>
        {agent.problem && <div className="bad break">{agent.problem}</div>}
      </>
    ),
  },
  { name: "Health", nowrap: true, cell: (agent) => <HealthPill of={agent.health} /> },
  { name: "Skills", wide: true, hide: "m", cell: (agent) => <Tags of={agent.skills} most={4} /> },
  { name: "Open calls", right: true, cell: (agent) => count(agent.open_calls) },
  { name: "Running tasks", right: true, hide: "s", cell: (agent) => count(agent.running_tasks) },
];

const policies: { value: NonNullable<RouteTaskAsk["policy"]>; name: string }[] = [
  { value: "round_robin", name: "each in turn" },
  { value: "least_connections", name: "fewest open calls" },
  { value: "random", name: "any, at random" },
];

function Outcome({ of, capability }: { of: RoutedTask; capability: string }) {
  return (
    <section className="stack tight" aria-label="Which agent, and why" aria-live="polite">
      <p className="notice ok">
        <strong>{of.agent}</strong> would get it: {of.why}.
      </p>
      <ul className="attempts" style={{ listStyle: "none", margin: 0, padding: 0 }}>
        {of.considered.map((each) => (
          <li key={each.name} className={each.why_not === null ? "ok-mark" : undefined}>
            <div className="row">
              <strong className="break">{each.name}</strong>
              {each.name === of.agent && <Pill tone="accent">chosen</Pill>}
              <HealthPill of={each.health} />
              <span className="dim break">
                {each.why_not ?? `can do ${capability}, ${counted(each.open_calls, "open call")}`}
              </span>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Route({ skills }: { skills: string[] }) {
  const { values, set } = useFilters(["capability"] as const);
  const capability = values.capability ?? "";
  const [policy, setPolicy] = useState<NonNullable<RouteTaskAsk["policy"]>>("round_robin");
  const route = useMutation(routeTask);
  const choose = (next: string) => {
    set({ capability: next });
    route.reset();
  };
  return (
    <Card title="Which agent would get it" label="Which agent would get it">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (capability.trim() && !route.isPending) route.mutate({ capability: capability.trim(), policy });
        }}
      >
        <div className="form-grid">
          <TextField
            label="What must be done"
            value={capability}
            onChange={(event) => choose(event.target.value)}
            helperText="a skill's id, name or tag"
          />
          <TextField
            select
            label="Of several that fit"
            value={policy}
            onChange={(event) => {
              setPolicy(event.target.value as typeof policy);
              route.reset();
            }}
          >
            {policies.map((it) => (
              <MenuItem key={it.value} value={it.value}>
                {it.name}
              </MenuItem>
            ))}
          </TextField>
        </div>
        {skills.length > 0 && (
          <div className="row">
            {skills.slice(0, 12).map((skill) => (
              <button
                key={skill}
                type="button"
                className={skill === capability ? "chip on" : "chip"}
                aria-pressed={skill === capability}
                onClick={() => choose(skill)}
              >
                {skill}
              </button>
            ))}
          </div>
        )}
        <div className="row">
          <Button type="submit" variant="contained" disabled={route.isPending || !capability.trim()}>
            {route.isPending ? "Choosing…" : "Choose an agent"}
          </Button>
          <span className="dim">Nothing is sent; whose turn it is moves on.</span>
        </div>
        {route.error && <Trouble error={route.error} what="No agent takes it" />}
        {route.data && <Outcome of={route.data} capability={capability} />}
      </form>
    </Card>
  );
}

function Shown({ of }: { of: Mesh }) {
  const { values } = useFilters(["capability"] as const);
  const skills = [...new Set(of.agents.flatMap((agent) => agent.skills))].sort();
  return (
    <div className="stack">
      <p className="row" style={{ margin: 0 }}>
        <MeshPill of={of.status} />
        <span>
          {counted(of.total, "agent")}: {of.healthy} healthy, {of.unhealthy} unhealthy, {of.dead} dead, {of.unknown} not
          asked yet
        </span>
      </p>
      <div className="halves">
        <Graph agents={of.agents} chosen={values.capability} />
        <Route skills={skills} />
      </div>
      <div className="card flush">
        <Table label="Agents of the mesh" columns={columns} rows={of.agents} rowKey={(agent) => agent.id} opens />
      </div>
    </div>
  );
}

export function MeshPage() {
  const query = useQuery(meshStatus);
  return (
    <>
      <AgentsHead at="mesh" />
      <Loaded query={query} what="The mesh">
        {(mesh) =>
          mesh.total === 0 ? (
            <Card>
              <Empty title="No mesh yet" command="portico agents register http://127.0.0.1:18091 --name files">
                Agents that are registered here form a mesh: a task goes to one that can do it and is well.
              </Empty>
            </Card>
          ) : (
            <Shown of={mesh} />
          )
        }
      </Loaded>
    </>
  );
}
