import Button from "@mui/material/Button";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { webhookList } from "../../api/queries/webhooks";
import { useMay } from "../../api/session";
import type { Webhook } from "../../api/types";
import { count } from "../../parts/format";
import { Card, PageHead } from "../../parts/page";
import { type Column, More, Table } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { Ago, Parts } from "../../parts/words";
import { HealthPill } from "./words";

const columns: Column<Webhook>[] = [
  {
    name: "Name",
    cell: (webhook) => (
      <>
        <Link to={`/webhooks/${webhook.id}`} className="strong break" data-open>
          {webhook.name}
        </Link>
        <div className="mono dim">
          <Parts of={webhook.url} />
        </div>
      </>
    ),
  },
  { name: "State", nowrap: true, cell: (webhook) => <HealthPill of={webhook} /> },
  { name: "Gets", hide: "m", wide: true, cell: (webhook) => <Kinds of={webhook.kinds} /> },
  {
    name: "Delivered, 24 h",
    right: true,
    hide: "s",
    cell: ({ health }) => (
      <span className={health.delivered_24h ? undefined : "dim"}>{count(health.delivered_24h)}</span>
    ),
  },
  {
    name: "Failed, 24 h",
    right: true,
    hide: "s",
    cell: ({ health }) => <span className={health.failed_24h ? "bad strong" : "dim"}>{count(health.failed_24h)}</span>,
  },
  {
    name: "Waiting",
    right: true,
    hide: "l",
    cell: ({ health }) => <span className={health.pending ? undefined : "dim"}>{count(health.pending)}</span>,
  },
  {
    name: "Last delivered",
    right: true,
    nowrap: true,
    hide: "m",
    cell: ({ health }) => <Ago at={health.last_success_at} never="never" />,
  },
];

export function Kinds({ of }: { of: string[] }) {
  if (of.includes("*")) return <>everything</>;
  const [shown, more] = [of.slice(0, 3), of.length - 3];
  return (
    <span className="mono break">
      {shown.join(", ")}
      {more > 0 && ` and ${more} more`}
    </span>
  );
}

export function WebhookList() {
  const query = useInfiniteQuery({ ...webhookList, refetchInterval: 15_000 });
  const mayManage = useMay("webhooks.manage");
  const rows = query.data?.pages.flatMap((page) => page.items);
  const create = mayManage && (
    <Button component={Link} to="/webhooks/new" variant="contained">
      Add a webhook
    </Button>
  );
  return (
    <>
      <PageHead
        title="Webhooks"
        tab="Webhooks"
        line="events of this scope, signed and sent to your own systems"
        actions={create}
      />
      {query.error && <Trouble error={query.error} what="The webhooks" retry={() => query.refetch()} />}
      {rows?.length === 0 ? (
        <Card>
          <Empty
            title="No webhooks yet"
            command="portico webhooks add Shop --url https://shop.example/portico --kind 'service.*'"
            action={create}
          >
            A webhook tells one of your systems what happens here, within a second or two: a budget runs out, a key is
            revoked, a service stops answering. You choose the events and the address. Portico signs each delivery,
            tries again for more than ten minutes when your endpoint does not answer, and keeps the record of every try,
            so that nothing is lost without your knowing.
          </Empty>
        </Card>
      ) : (
        !(query.error && !rows) && (
          <div className="card flush">
            <Table label="Webhooks" columns={columns} rows={rows} rowKey={(webhook) => webhook.id} opens />
            {rows && <More shown={rows.length} noun="webhook" {...query} />}
          </div>
        )
      )}
    </>
  );
}
