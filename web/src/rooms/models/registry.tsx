import Button from "@mui/material/Button";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { modelMatrix } from "../../api/queries/models";
import { useMay } from "../../api/session";
import type { ModelMatrixRow } from "../../api/types";
import { compact, count, duration, exact, percent } from "../../parts/format";
import { Card } from "../../parts/page";
import { type Column, Table } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { Parts } from "../../parts/words";
import { ModelsHead } from "./head";
import { ModelDialog } from "./model-dialog";
import { Grade, LifecyclePill, priceOf } from "./words";

function End({ of }: { of: ModelMatrixRow }) {
  if (of.lifecycle === "current" && !of.retires_at) return null;
  return (
    <div className="dim">
      {of.retires_at && `until ${exact(of.retires_at).slice(0, 10)}`}
      {of.successor && `, then ${of.successor}`}
    </div>
  );
}

function columnsFor(onEdit: ((row: ModelMatrixRow) => void) | null): Column<ModelMatrixRow>[] {
  const columns: Column<ModelMatrixRow>[] = [
    {
      name: "Model",
      cell: (row) => (
        <>
          <span className="strong">
            <Parts of={row.name} />
          </span>
          <div className="dim">
            <Link to={`/services/${row.service.name}`}>{row.service.name}</Link>
            {row.version && ` · ${row.version}`}
          </div>
        </>
      ),
    },
    {
      name: "State",
      nowrap: true,
      cell: (row) => (
        <>
          <LifecyclePill of={row.lifecycle} />
          <End of={row} />
        </>
      ),
    },
    { name: "Quality", hide: "m", cell: (row) => <Grade of={row.quality} what="Quality" /> },
    { name: "Speed", hide: "m", cell: (row) => <Grade of={row.speed} what="Speed" /> },
    {
      name: "Can",
      hide: "l",
      wide: true,
      cell: (row) => row.capabilities.join(", ") || <span className="dim">not said</span>,
    },
    {
      name: "Context",
      right: true,
      hide: "l",
      cell: (row) => (row.context_tokens ? `${compact(row.context_tokens)} tokens` : <span className="dim">–</span>),
    },
    {
      name: "$ per 1M tokens, in / out",
      right: true,
      hide: "s",
      nowrap: true,
      cell: (row) => (
        <>
          {priceOf(row)}
          {row.own_price && <div className="dim">its own</div>}
        </>
      ),
    },
    {
      name: "Calls, 24 h",
      right: true,
      hide: "m",
      cell: ({ measured }) => (
        <>
          {count(measured?.calls)}
          {measured && measured.failed > 0 && <div className="bad">{percent(measured.error_rate * 100)} failed</div>}
        </>
      ),
    },
    {
      name: "p50 / p95",
      right: true,
      hide: "s",
      nowrap: true,
      cell: ({ measured }) => (
        <>
          {duration(measured?.p50_us)} / {duration(measured?.p95_us)}
        </>
      ),
    },
  ];
  if (!onEdit) return columns;
  return [
    ...columns,
    {
      name: "Actions",
      silent: true,
      right: true,
      cell: (row) => (
        <Button variant="text" onClick={() => onEdit(row)} data-open>
          Edit<span className="hidden-text"> {row.name}</span>
        </Button>
      ),
    },
  ];
}

export function Registry() {
  const query = useQuery(modelMatrix);
  const mayManage = useMay("models.manage");
  const [edited, setEdited] = useState<ModelMatrixRow | null>(null);
  return (
    <>
      <ModelsHead at="models" />
      {query.error && <Trouble error={query.error} what="The models" retry={() => query.refetch()} />}
      {query.data?.length === 0 ? (
        <Card>
          <Empty
            title="No models yet"
            command="portico services add my-models --kind model --url https://api.example.com/v1 --model small-model"
            action={
              <Button component={Link} to="/services/new" variant="contained">
                Register a model service
              </Button>
            }
          >
            A model is a name that a service of kind model offers. Here you say what it costs, what it can do and how
            good it is, and when it ends; routes choose by that.
          </Empty>
        </Card>
      ) : (
        !(query.error && !query.data) && (
          <div className="card flush">
            <Table
              label="Models"
              columns={columnsFor(mayManage ? setEdited : null)}
              rows={query.data}
              rowKey={(row) => row.name}
              opens={mayManage}
            />
          </div>
        )
      )}
      <p className="dim">Measured on the newest 3,000 model calls of the last 24 hours.</p>
      {edited && <ModelDialog model={edited} onClose={() => setEdited(null)} />}
    </>
  );
}
