import Button from "@mui/material/Button";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { modelRoutes } from "../../api/queries/models";
import { useMay } from "../../api/session";
import type { ModelRoute } from "../../api/types";
import { counted } from "../../parts/format";
import { Card } from "../../parts/page";
import { type Column, Table } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { Pill } from "../../parts/words";
import { ModelsHead } from "./head";
import { preferenceName } from "./words";

const columns: Column<ModelRoute>[] = [
  {
    name: "Name",
    cell: (route) => (
      <>
        <Link to={`/models/routes/${route.id}`} className="mono strong break" data-open>
          {route.name}
        </Link>
        {route.description && <div className="dim">{route.description}</div>}
      </>
    ),
  },
  {
    name: "State",
    nowrap: true,
    cell: (route) => <Pill tone={route.enabled ? "ok" : "plain"}>{route.enabled ? "in force" : "off"}</Pill>,
  },
  { name: "Prefers", hide: "s", cell: (route) => preferenceName(route.prefer) },
  {
    name: "Rules",
    wide: true,
    hide: "m",
    cell: (route) => (
      <>
        {counted(route.rules.length, "rule")}:{" "}
        <span className="dim">{route.rules.map((rule) => rule.name).join(", ")}</span>
      </>
    ),
  },
  { name: "Scope", hide: "l", cell: (route) => route.scope ?? "every scope" },
];

export function ModelRoutes() {
  const query = useQuery(modelRoutes);
  const create = useMay("models.manage") && (
    <Button component={Link} to="/models/routes/new" variant="contained">
      Make a route
    </Button>
  );
  return (
    <>
      <ModelsHead at="routes" actions={create} />
      {query.error && <Trouble error={query.error} what="The routes" retry={() => query.refetch()} />}
      {query.data?.length === 0 ? (
        <Card>
          <Empty
            title="No model routes yet"
            command="portico models routes add auto --to small-model --fallback big-model --prefer cost"
            action={create}
          >
            A route is a name such as auto that clients ask for like a model. Its rules say which model is meant: by the
            task, the size of the request, its price and how fast models were lately. When the chosen model fails before
            its first word, the next one takes over.
          </Empty>
        </Card>
      ) : (
        !(query.error && !query.data) && (
          <div className="card flush">
            <Table label="Model routes" columns={columns} rows={query.data} rowKey={(route) => route.id} opens />
          </div>
        )
      )}
    </>
  );
}
