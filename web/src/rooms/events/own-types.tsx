import Button from "@mui/material/Button";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { eventTypes, publishedOf, registerType, removeType } from "../../api/queries/events";
import { useMay } from "../../api/session";
import type { EventType } from "../../api/types";
import { Ask, FormDialog } from "../../parts/ask";
import { Code } from "../../parts/copy";
import { useFilters } from "../../parts/filters";
import { useForm } from "../../parts/form";
import { counted } from "../../parts/format";
import { JsonField, pretty, readObject } from "../../parts/json-field";
import { Card, Facts, PageHead } from "../../parts/page";
import { SideSheet } from "../../parts/sheet";
import { type Column, Table } from "../../parts/table";
import { say } from "../../parts/toasts";
import { Empty, Lines, Loaded } from "../../parts/trouble";
import { Ago, Parts } from "../../parts/words";
import { curlOf, publishersOf } from "./sample";
import { EventTabs } from "./tabs";

/** As it is written when it is published or registered: the first version goes without saying. */
const nameOf = (type: EventType) => (type.version === 1 ? type.type : type.kind);

function columnsFor(open: (kind: string) => void): Column<EventType>[] {
  return [
    {
      name: "Type",
      cell: (type) => (
        <button type="button" className="plain-button mono" data-open onClick={() => open(type.kind)}>
          <Parts of={nameOf(type)} />
        </button>
      ),
    },
    { name: "What it means", wide: true, cell: (type) => type.summary || <span className="dim">not said</span> },
    {
      name: "Fields",
      hide: "m",
      cell: (type) => (
        <span className="mono break">{Object.keys(type.schema.properties ?? {}).join(", ") || "any"}</span>
      ),
    },
  ];
}

function Publishers({ kind }: { kind: string }) {
  const query = useQuery(publishedOf(kind));
  return (
    <Loaded query={query} what="Who publishes it" skeleton={<Lines count={2} />}>
      {({ events, more }) =>
        events.length === 0 ? (
          <p className="dim">Nobody has published it yet.</p>
        ) : (
          <>
            <Facts
              of={publishersOf(events).map((it) => [
                it.who,
                <span key={it.source}>
                  from <span className="mono break">{it.source}</span>, {counted(it.count, "event")}, last{" "}
                  <Ago at={it.lastAt} />
                </span>,
              ])}
            />
            {more && <p className="dim">Of the last 100 events.</p>}
          </>
        )
      }
    </Loaded>
  );
}

function TypeSheet({ type, onEdit, onClose }: { type: EventType; onEdit: () => void; onClose: () => void }) {
  const mayManage = useMay("events.manage");
  const [removing, setRemoving] = useState(false);
  const name = nameOf(type);
  const remove = useMutation({
    ...removeType(name),
    onSuccess: () => {
      say(`${name} is checked no longer.`);
      onClose();
    },
  });
  return (
    <SideSheet title={name} onClose={onClose}>
      {type.summary && <p>{type.summary}</p>}
      <div className="row">
        <Link to={`/events?kind=${encodeURIComponent(type.kind)}`}>Events of this type</Link>
        {mayManage && <Button onClick={onEdit}>Change…</Button>}
        {mayManage && <Button onClick={() => setRemoving(true)}>Remove…</Button>}
      </div>
      <h3>Who publishes it</h3>
      <Publishers kind={type.kind} />
      <Code label="JSON schema" text={pretty(type.schema)} />
      <Code label="Publish one" text={curlOf(type, location.origin)} />
      {removing && (
        <Ask
          title={`Remove ${name}?`}
          verb="Remove type"
          busy={remove.isPending}
          error={remove.error}
          onYes={() => remove.mutate()}
          onClose={() => setRemoving(false)}
        >
          <span className="mono">{name}</span> can still be published, but nothing checks it any more. What is in the
          log stays.
        </Ask>
      )}
    </SideSheet>
  );
}

const emptySchema = { type: "object", properties: {}, required: [] };

function Register({ type, onClose }: { type: EventType | null; onClose: () => void }) {
  const form = useForm(
    { name: type ? nameOf(type) : "", summary: type?.summary ?? "", schema: pretty(type?.schema ?? emptySchema) },
    ({ name, schema }) => ({
      name: /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$/.test(name.trim())
        ? undefined
        : "A noun and a past verb in small letters, such as order.shipped",
      schema: readObject(schema).problem,
    }),
  );
  const register = useMutation({
    ...registerType,
    onSuccess: (made) => {
      say(`${nameOf(made)} is checked from now on.`);
      onClose();
    },
    onError: form.takeRefusal,
  });
  const send = () => {
    const { name, summary, schema } = form.values;
    const read = readObject(schema);
    if (read.problem === undefined) register.mutate({ name: name.trim(), summary, schema: read.value });
  };
  return (
    <FormDialog
      title={type ? `Change ${nameOf(type)}` : "Register a type"}
      verb={type ? "Save type" : "Register type"}
      busy={register.isPending}
      ready={form.valid}
      error={register.error}
      onClose={onClose}
      onSubmit={() => form.attempt(send)}
      wide
    >
      <p>From then on what is published under this name must fit the schema. What is in the log stays as it is.</p>
      <TextField
        label="Name"
        disabled={type !== null}
        {...form.text("name", "Such as order.shipped or order.shipped.v2")}
      />
      <TextField
        label="What it means"
        {...form.text("summary", "One sentence, for those who choose what to listen to")}
      />
      <JsonField
        label="JSON schema of the data"
        text={form.values.schema}
        hint={form.problem("schema") ?? "It may refer only to itself, and may not use patterns"}
        onChange={(schema) => form.set("schema", schema)}
      />
    </FormDialog>
  );
}

export function OwnTypes() {
  const { values, set } = useFilters(["open"] as const);
  const mayManage = useMay("events.manage");
  const query = useQuery(eventTypes);
  const [editing, setEditing] = useState<EventType | "new" | null>(null);
  const columns = columnsFor((open) => set({ open }));
  const opened = query.data?.find((type) => type.origin === "org" && type.kind === values.open);
  const register = mayManage && (
    <Button variant="contained" onClick={() => setEditing("new")}>
      Register a type
    </Button>
  );
  return (
    <>
      <PageHead
        title="Events"
        tab="Your types"
        line="types of events that your own systems publish, and what they must look like"
        actions={register}
      />
      <EventTabs at="own-types" />
      <Loaded
        query={query}
        what="Your types"
        skeleton={<Table label="Your types" columns={columns} rows={undefined} rowKey={(type) => type.kind} />}
      >
        {(all) => {
          const rows = all.filter((type) => type.origin === "org");
          return rows.length === 0 ? (
            <Card title="Types with a schema">
              <Empty
                title="No types of your own yet"
                command="portico events register-type order.shipped --schema @schema.json"
              >
                Your systems can publish any event whose noun is not Portico's own. Register its type, and what does not
                fit its schema is refused with the fields that are wrong.
              </Empty>
            </Card>
          ) : (
            <Card flush>
              <Table label="Your types" columns={columns} rows={rows} rowKey={(type) => type.kind} opens tall />
              <div className="table-foot">{counted(rows.length, "type")}</div>
            </Card>
          );
        }}
      </Loaded>
      {opened && <TypeSheet type={opened} onEdit={() => setEditing(opened)} onClose={() => set({ open: null })} />}
      {editing && <Register type={editing === "new" ? null : editing} onClose={() => setEditing(null)} />}
    </>
  );
}
