import Button from "@mui/material/Button";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { eventTypes } from "../../api/queries/events";
import { useMay } from "../../api/session";
import type { EventType } from "../../api/types";
import { Code } from "../../parts/copy";
import { FilterChip, options, SearchBox, useFilters } from "../../parts/filters";
import { counted } from "../../parts/format";
import { Card, Facts, PageHead } from "../../parts/page";
import { SideSheet } from "../../parts/sheet";
import { type Column, Table } from "../../parts/table";
import { Empty, Loaded } from "../../parts/trouble";
import { Parts } from "../../parts/words";
import { bare } from "./kinds";
import { EventTabs } from "./tabs";
import { CategoryPill } from "./words";

const names = ["q", "category", "open"] as const;

function columnsFor(open: (kind: string) => void): Column<EventType>[] {
  return [
    {
      name: "Kind",
      cell: (type) => (
        <button type="button" className="plain-button mono" data-open onClick={() => open(type.kind)}>
          <Parts of={bare(type.kind)} />
        </button>
      ),
    },
    { name: "When it happens", wide: true, cell: (type) => type.summary },
    { name: "Category", hide: "s", nowrap: true, cell: (type) => <CategoryPill category={type.category} /> },
    {
      name: "Also called",
      hide: "m",
      cell: (type) =>
        type.aliases.length > 0 ? (
          <span className="mono break">{type.aliases.join(", ")}</span>
        ) : (
          <span className="dim">–</span>
        ),
    },
  ];
}

function TypeSheet({ type, onClose }: { type: EventType; onClose: () => void }) {
  const fields = Object.entries(type.schema.properties ?? {});
  const typeOf = (it: { type?: string | string[] }) => [it.type ?? "any"].flat().join(" or ");
  return (
    <SideSheet title={bare(type.kind)} onClose={onClose}>
      <p>{type.summary}</p>
      <Facts
        of={[
          [
            "Full name",
            <span key="kind" className="mono">
              {type.kind}
            </span>,
          ],
          ["Category", <CategoryPill key="category" category={type.category} />],
          ["Also called", type.aliases.join(", ") || "nothing else"],
          ...fields.map(
            ([name, schema]) =>
              [
                name,
                `${typeOf(schema)}${type.schema.required?.includes(name) === false ? ", may be missing" : ""}`,
              ] as [string, string],
          ),
        ]}
      />
      <div className="row">
        <Link to={`/events?kind=${encodeURIComponent(bare(type.kind))}`}>Events of this kind</Link>
      </div>
      <Code label="JSON schema of the payload" text={JSON.stringify(type.schema, null, 2)} />
    </SideSheet>
  );
}

const publishing = `curl ${location.origin}/api/v1/events \\
  -H "Authorization: Bearer $PORTICO_KEY" -H "Content-Type: application/json" \\
  -d '{"specversion": "1.0", "id": "order-7-shipped", "source": "/shop",
       "type": "order.shipped", "subject": "order:7", "data": {"parcels": 2}}'`;

function Publish() {
  return (
    <Card title="Publish your own">
      <div className="stack tight">
        <p className="dim">
          Your systems may add their own facts to this log, as CloudEvents 1.0, with a key that may{" "}
          <code>events.publish</code>. The same id from the same source is taken once. Webhooks receive them like all
          others.
        </p>
        <Code label="Publish an event" text={publishing} />
      </div>
    </Card>
  );
}

export function EventTypes() {
  const { values, set, clear, any } = useFilters(names);
  const mayPublish = useMay("events.publish");
  const query = useQuery(eventTypes);
  const word = (values.q ?? "").toLowerCase();
  const fits = (type: EventType) =>
    (!values.category || type.category === values.category) &&
    [type.kind, type.summary, ...type.aliases].some((it) => it.toLowerCase().includes(word));
  const columns = columnsFor((open) => set({ open }));
  const opened = query.data?.find((type) => type.kind === values.open);
  return (
    <>
      <PageHead title="Events" tab="Kinds of events" line="every kind of event there is, and what it carries" />
      <EventTabs at="types" />
      <search className="filters">
        <SearchBox label="Search kinds" value={values.q ?? ""} onChange={(q) => set({ q })} />
        <FilterChip
          name="category"
          value={values.category}
          options={options("application", "system", "integration", "error")}
          onChange={(category) => set({ category })}
        />
      </search>
      <Card flush>
        <Loaded
          query={query}
          what="The catalogue"
          skeleton={<Table label="Kinds of events" columns={columns} rows={undefined} rowKey={(type) => type.kind} />}
        >
          {(all) => {
            const rows = all.filter(fits);
            if (rows.length === 0) {
              return (
                <Empty title="No kind fits" action={any && <Button onClick={clear}>Clear the filters</Button>}>
                  Try a part of the name, such as key or budget.
                </Empty>
              );
            }
            return (
              <>
                <Table label="Kinds of events" columns={columns} rows={rows} rowKey={(type) => type.kind} opens tall />
                <div className="table-foot">{counted(rows.length, "kind")}</div>
              </>
            );
          }}
        </Loaded>
      </Card>
      {mayPublish && <Publish />}
      {opened && <TypeSheet type={opened} onClose={() => set({ open: null })} />}
    </>
  );
}
