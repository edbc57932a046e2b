import Button from "@mui/material/Button";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { toolList, toolMeter } from "../../api/queries/tools";
import { useMay } from "../../api/session";
import type { Tool } from "../../api/types";
import { FilterChip, options, SearchBox, useFilters } from "../../parts/filters";
import { count } from "../../parts/format";
import { Card } from "../../parts/page";
import { type Column, More, Table } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { Ago, Parts } from "../../parts/words";
import { ToolsHead } from "./head";
import { ToolPill, toolStates } from "./words";

const columns: Column<Tool>[] = [
  {
    name: "Tool",
    wide: true,
    cell: (tool) => (
      <>
        <Link to={`/tools/definitions/${tool.id}`} className="strong mono" data-open>
          <Parts of={tool.name} />
        </Link>
        {tool.title && tool.title !== tool.name && <div className="dim break">{tool.title}</div>}
      </>
    ),
  },
  { name: "Server", hide: "s", cell: (tool) => <span className="break">{tool.server}</span> },
  { name: "State", nowrap: true, cell: (tool) => <ToolPill state={tool.state} /> },
  { name: "Tokens", right: true, hide: "s", cell: (tool) => count(tool.tokens) },
  { name: "Definitions", right: true, hide: "m", cell: (tool) => count(tool.versions) },
  { name: "Changed", right: true, nowrap: true, hide: "m", cell: (tool) => <Ago at={tool.changed_at} /> },
];

export function Definitions() {
  const { values, set, clear, any } = useFilters(["server", "state", "q"] as const);
  const query = useInfiniteQuery(toolList(values));
  const servers = useQuery(toolMeter).data?.map((it) => it.server) ?? [];
  const mayAdd = useMay("services.manage");
  const rows = query.data?.pages.flatMap((page) => page.items);
  return (
    <>
      <ToolsHead at="definitions" />
      <search className="filters">
        <SearchBox label="Name or title" value={values.q ?? ""} onChange={(q) => set({ q })} />
        <FilterChip
          name="state"
          value={values.state}
          options={options(...toolStates)}
          onChange={(state) => set({ state })}
        />
        <FilterChip
          name="server"
          value={values.server}
          options={options(...servers)}
          onChange={(server) => set({ server })}
        />
        {any && (
          <Button variant="text" onClick={clear}>
            Clear
          </Button>
        )}
      </search>
      {query.error && <Trouble error={query.error} what="The tools" retry={() => query.refetch()} />}
      {rows?.length === 0 ? (
        <Card>
          {any ? (
            <Empty title="No tool fits" action={<Button onClick={clear}>Clear the filters</Button>}>
              Choose another state or server, or part of another name.
            </Empty>
          ) : (
            <Empty
              title="No tool was seen yet"
              command="portico tools refresh SERVER"
              action={
                mayAdd && (
                  <Button component={Link} to="/services/new?kind=tools" variant="contained">
                    Add a tool server
                  </Button>
                )
              }
            >
              A server's tools appear here when it is listed: by you, or by the first client that asks it. What is new
              or changed after the first listing waits in the quarantine until somebody approves it.
            </Empty>
          )}
        </Card>
      ) : (
        !(query.error && !rows) && (
          <div className="card flush">
            <Table label="Tools" columns={columns} rows={rows} rowKey={(tool) => tool.id} opens />
            {rows && <More shown={rows.length} noun="tool" {...query} />}
          </div>
        )
      )}
    </>
  );
}
