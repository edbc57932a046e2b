import Button from "@mui/material/Button";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { type Dashboard, dashboardList } from "../../api/queries/dashboards";
import { useMay } from "../../api/session";
import { useFilters } from "../../parts/filters";
import { count } from "../../parts/format";
import { Card, PageHead } from "../../parts/page";
import { type Column, More, Table } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { Ago } from "../../parts/words";
import { CreateDashboard, DeleteDashboard, EditDashboard } from "./dialogs";
import { SharedPill, useMayGive } from "./sharing";

type Asked = { what: "edit" | "delete"; of: Dashboard } | null;

function RowActions({ of, onAsk }: { of: Dashboard; onAsk: (asked: Asked) => void }) {
  const mayGive = useMayGive(of);
  if (!useMay("dashboards.manage")) return null;
  return (
    <span className="row end" style={{ flexWrap: "nowrap", gap: 2 }}>
      <Button variant="text" onClick={() => onAsk({ what: "edit", of })} aria-label={`Edit ${of.name}`}>
        Edit
      </Button>
      {mayGive && (
        <Button
          variant="text"
          color="error"
          onClick={() => onAsk({ what: "delete", of })}
          aria-label={`Delete ${of.name}`}
        >
          Delete
        </Button>
      )}
    </span>
  );
}

function columnsFor(onAsk: (asked: Asked) => void): Column<Dashboard>[] {
  return [
    {
      name: "Name",
      line: true,
      cell: (it) => (
        <>
          <Link to={`/dashboards/${it.id}`} data-open>
            {it.name}
          </Link>
          {it.description && <span className="dim hide-s"> · {it.description}</span>}
        </>
      ),
    },
    { name: "Seen by", nowrap: true, cell: (it) => <SharedPill shared={it.shared} /> },
    { name: "Layout", hide: "m", nowrap: true, cell: (it) => it.layout },
    { name: "Widgets", hide: "m", right: true, nowrap: true, cell: (it) => count(it.widget_count) },
    { name: "Owner", hide: "l", nowrap: true, cell: (it) => it.owner.name || <span className="dim">left</span> },
    { name: "Changed", hide: "s", right: true, nowrap: true, cell: (it) => <Ago at={it.updated_at} /> },
    {
      name: "Actions",
      silent: true,
      hide: "s",
      right: true,
      nowrap: true,
      cell: (it) => <RowActions of={it} onAsk={onAsk} />,
    },
  ];
}

export function DashboardList() {
  const { values, set } = useFilters(["new"] as const);
  const [asked, setAsked] = useState<Asked>(null);
  const query = useInfiniteQuery(dashboardList);
  const mayManage = useMay("dashboards.manage");
  const rows = query.data?.pages.flatMap((page) => page.items);
  const create = mayManage && (
    <Button variant="contained" onClick={() => set({ new: "1" })}>
      Create a dashboard
    </Button>
  );
  return (
    <>
      <PageHead
        title="Dashboards"
        tab="Dashboards"
        line="what matters to you, at a glance and always current"
        actions={create}
      />
      {query.error && <Trouble error={query.error} what="The dashboards" retry={() => query.refetch()} />}
      {rows?.length === 0 ? (
        <Card>
          <Empty
            title="No dashboards yet"
            command={mayManage ? "portico dashboards add Operations --shared" : undefined}
            action={create}
          >
            A dashboard is made of widgets: live calls, spend, service levels and health, and boards, charts and lists
            that your programs fill. Everybody who has it open sees every change as it happens.
          </Empty>
        </Card>
      ) : (
        !(query.error && !rows) && (
          <div className="card flush">
            <Table label="Dashboards" columns={columnsFor(setAsked)} rows={rows} rowKey={(it) => it.id} opens tall />
            {rows && <More shown={rows.length} noun="dashboard" {...query} />}
          </div>
        )
      )}
      {values.new && mayManage && <CreateDashboard onClose={() => set({ new: null })} />}
      {asked?.what === "edit" && <EditDashboard of={asked.of} onClose={() => setAsked(null)} />}
      {asked?.what === "delete" && <DeleteDashboard of={asked.of} onClose={() => setAsked(null)} />}
    </>
  );
}
