import Button from "@mui/material/Button";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { allServices } from "../../api/queries/services";
import { localServers, refreshToolServer, toolMeter } from "../../api/queries/tools";
import { useMay } from "../../api/session";
import type { LocalServer, Service, ToolServerMeter, ToolState } from "../../api/types";
import { counted, tokens } from "../../parts/format";
import { Card } from "../../parts/page";
import { type Column, Table } from "../../parts/table";
import { say } from "../../parts/toasts";
import { Empty, Trouble } from "../../parts/trouble";
import { StatusPill } from "../../parts/verdict";
import { Ago, Pill } from "../../parts/words";
import { ToolsHead } from "./head";
import { LocalPill, toolStates } from "./words";

interface Row {
  meter: ToolServerMeter;
  local: LocalServer | undefined;
  service: Service | undefined;
}

function Counts({ of }: { of: ToolServerMeter }) {
  const there = toolStates.filter((state: ToolState) => (of.states[state] ?? 0) > 0);
  if (there.length === 0) return <span className="dim">none seen</span>;
  return (
    <span className="row" style={{ gap: "0 10px" }}>
      {there.map((state) => (
        <Link
          key={state}
          to={`/tools/definitions?server=${of.server}&state=${state}`}
          className={state === "quarantined" || state === "changed" ? "strong" : undefined}
        >
          {of.states[state]} {state}
        </Link>
      ))}
    </span>
  );
}

function Refresh({ server }: { server: string }) {
  const refresh = useMutation({
    ...refreshToolServer,
    onSuccess: ({ new: fresh, changed, gone, approved }) =>
      say(`${server} is listed: ${fresh} new, ${changed} changed, ${gone} gone, ${approved} approved.`),
    onError: (error) => say(`${server} could not be listed: ${error.message}`, "bad"),
  });
  return (
    <Button variant="text" disabled={refresh.isPending} onClick={() => refresh.mutate(server)}>
      {refresh.isPending ? "Listing…" : "List now"}
      <span className="hidden-text"> the tools of {server}</span>
    </Button>
  );
}

function columnsFor(mayManage: boolean): Column<Row>[] {
  const columns: Column<Row>[] = [
    {
      name: "Server",
      cell: ({ meter, local }) => (
        <>
          <Link
            to={local ? `/tools/servers/${meter.server}` : `/services/${meter.server}`}
            className="strong break"
            data-open
          >
            {meter.server}
          </Link>
          <div className="dim">
            {local ? "on this machine" : "remote"}
            {local?.protocol_version && ` · ${local.protocol_version}`}
          </div>
        </>
      ),
    },
    {
      name: "State",
      nowrap: true,
      cell: ({ local, service }) => (
        <span className="row" style={{ gap: 6 }}>
          {local ? <LocalPill of={local} /> : service && <StatusPill status={service.status} />}
          {local && local.restarts > 0 && <Pill tone="warn">{counted(local.restarts, "restart")}</Pill>}
        </span>
      ),
    },
    { name: "Tools", wide: true, hide: "s", cell: ({ meter }) => <Counts of={meter} /> },
    { name: "In context", right: true, nowrap: true, hide: "s", cell: ({ meter }) => `about ${tokens(meter.tokens)}` },
    {
      name: "Listed",
      right: true,
      hide: "m",
      cell: ({ meter }) => (
        <>
          <Ago at={meter.listed_at} never="never" />
          {meter.error && <div className="bad break">{meter.error}</div>}
        </>
      ),
    },
  ];
  if (!mayManage) return columns;
  return [
    ...columns,
    { name: "Actions", silent: true, right: true, hide: "m", cell: ({ meter }) => <Refresh server={meter.server} /> },
  ];
}

export function ToolServers() {
  const meter = useQuery(toolMeter);
  const local = useQuery(localServers);
  const services = useQuery({ ...allServices, enabled: useMay("services.read") });
  const mayManage = useMay("tools.manage");
  const mayRegister = useMay("services.manage");
  const add = (
    <>
      {mayManage && (
        <Button component={Link} to="/tools/servers/new" variant={mayRegister ? "outlined" : "contained"}>
          Add a local one
        </Button>
      )}
      {mayRegister && (
        <Button component={Link} to="/services/new?kind=tools" variant="contained">
          Add a remote one
        </Button>
      )}
    </>
  );
  const error = meter.error ?? local.error;
  const rows =
    meter.data &&
    local.data &&
    meter.data.map((it) => ({
      meter: it,
      local: local.data.find(({ id }) => id === it.service_id),
      service: services.data?.find(({ id }) => id === it.service_id),
    }));
  const sum = meter.data?.reduce((total, it) => total + it.tokens, 0);
  return (
    <>
      <ToolsHead at="servers" actions={add} />
      {error && (
        <Trouble
          error={error}
          what="The tool servers"
          retry={() => {
            void meter.refetch();
            void local.refetch();
          }}
        />
      )}
      {rows?.length === 0 ? (
        <Card>
          <Empty
            title="No tool servers yet"
            command="portico mcp add files --allow /srv/documents -- mcp-server-filesystem /srv/documents"
            action={<div className="row">{add}</div>}
          >
            A tool server speaks MCP. A remote one is reached at its address; a local one is a program that Portico
            starts, keeps to its folders and ends. Clients reach either at one address with a Portico key, and get only
            the tools you approved.
          </Empty>
        </Card>
      ) : (
        !(error && !rows) && (
          <div className="card flush">
            <Table
              label="Tool servers"
              columns={columnsFor(mayManage)}
              rows={rows}
              rowKey={(it) => it.meter.service_id}
              opens
            />
            {rows && (
              <div className="table-foot">
                <span>
                  {counted(rows.length, "server")}, about {tokens(sum)} in the context of a model that lists them all
                </span>
              </div>
            )}
          </div>
        )
      )}
    </>
  );
}
