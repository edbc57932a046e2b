import Button from "@mui/material/Button";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { eventList } from "../../api/queries/events";
import { toolDetail } from "../../api/queries/tools";
import { useMay } from "../../api/session";
import type { JsonSchema, OrgEvent, Tool, ToolDetail, ToolVersion } from "../../api/types";
import { Code, CopyId } from "../../parts/copy";
import { counted, exact, seconds, tokens } from "../../parts/format";
import { pretty } from "../../parts/json-field";
import { Card, PageHead } from "../../parts/page";
import { fieldsOf, type SchemaField } from "../../parts/schema";
import { type Column, More, Table } from "../../parts/table";
import { Empty, Loaded, Trouble } from "../../parts/trouble";
import { Ago, Parts, Pill } from "../../parts/words";
import { bare } from "../events/kinds";
import { ToolActions } from "./actions";
import { tally } from "./diff";
import { DiffView } from "./diff-view";
import { Keep } from "./keep";
import { shortPin, stateMeans, ToolPill, waits } from "./words";

function Approval({ of }: { of: Tool }) {
  if (!of.approved_pin) return <div className="strong">never approved</div>;
  return (
    <>
      <div className="strong">
        {of.approved_as === "registration" ? "with its server's first listing" : "by a person"}
      </div>
      <div className="dim">
        <Ago at={of.approved_at} /> · <span className="mono">{shortPin(of.approved_pin)}</span>
      </div>
    </>
  );
}

function About({ of, mayManage }: { of: Tool; mayManage: boolean }) {
  const [keeping, setKeeping] = useState(false);
  return (
    <div className="tiles">
      <Card label="Approved">
        <div className="dim">Approved</div>
        <Approval of={of} />
      </Card>
      <Card label="Seen last">
        <div className="dim">Definition seen last</div>
        <div>
          <CopyId id={of.seen_pin} short />
        </div>
        <div className="dim">
          changed <Ago at={of.changed_at} />, first seen <Ago at={of.first_seen_at} />
        </div>
      </Card>
      <Card label="Cost in context">
        <div className="dim">Cost in a model's context</div>
        <div className="strong">about {tokens(of.tokens)}</div>
        <div className="dim">{counted(of.versions, "definition")} so far</div>
      </Card>
      <Card label="Results">
        <div className="dim">Results kept</div>
        <div className="strong">{of.cache_ttl_s > 0 ? `for ${seconds(of.cache_ttl_s)}` : "never"}</div>
        <div className="dim">
          {of.cache_ttl_s > 0 && (of.cache_scope === "public" ? "shared by all callers " : "for each caller alone ")}
          {mayManage && (
            <button type="button" className="plain-button link" onClick={() => setKeeping(true)}>
              Change
            </button>
          )}
        </div>
      </Card>
      {keeping && <Keep of={of} onClose={() => setKeeping(false)} />}
    </div>
  );
}

function Standing({ of }: { of: Tool }) {
  const tone = { approved: "ok", deprecated: "warn", gone: "", quarantined: "warn", changed: "warn" } as const;
  return (
    <p className={`notice ${of.state in tone ? tone[of.state as keyof typeof tone] : "bad"}`}>
      {stateMeans[of.state]}
      {of.note && ` ${of.note}`}
      {of.sunset_at && ` It is meant to end ${exact(of.sunset_at)}.`}
    </p>
  );
}

const parameters: Column<SchemaField>[] = [
  {
    name: "Parameter",
    cell: ({ name, required }) => (
      <>
        <span className="mono strong break">{name}</span>
        {required && <div className="dim">needed</div>}
      </>
    ),
  },
  {
    name: "Type",
    cell: ({ kind, choices, schema }) => (
      <span className="mono break">
        {choices ? choices.join(" | ") : kind === "json" ? [schema.type ?? "any"].flat().join(" | ") : kind}
      </span>
    ),
  },
  { name: "Means", wide: true, cell: ({ description }) => <span className="break">{description ?? ""}</span> },
];

function Definition({ version }: { version: ToolVersion }) {
  const { description, inputSchema, annotations } = version.definition as {
    description?: string;
    inputSchema?: JsonSchema;
    annotations?: Record<string, unknown>;
  };
  const fields = fieldsOf(inputSchema ?? null);
  const hints = Object.entries(annotations ?? {}).filter(([, value]) => typeof value === "boolean");
  return (
    <div className="stack">
      {description && (
        <p className="break" style={{ whiteSpace: "pre-wrap" }}>
          {description}
        </p>
      )}
      {hints.length > 0 && (
        <div className="row">
          {hints.map(([name, value]) => (
            <Pill key={name}>
              {name}: {String(value)}
            </Pill>
          ))}
        </div>
      )}
      {fields.length > 0 ? (
        <Table label="Parameters" columns={parameters} rows={fields} rowKey={(field) => field.name} />
      ) : (
        <p className="dim">It takes no parameters.</p>
      )}
      <details>
        <summary>The whole definition as JSON</summary>
        <Code label="Definition" text={pretty(version.definition)} />
      </details>
    </div>
  );
}

function Versions({ of }: { of: ToolDetail }) {
  const newest = of.versions.find((it) => it.pin === of.tool.seen_pin) ?? of.versions[0];
  const [chosen, setChosen] = useState<string | null>(null);
  const shown = of.versions.find((it) => it.pin === chosen) ?? newest;
  const columns: Column<ToolVersion>[] = [
    {
      name: "No.",
      right: true,
      cell: (it) => (
        <button
          type="button"
          className="plain-button link"
          aria-pressed={it === shown}
          onClick={() => setChosen(it.pin)}
        >
          <span className="hidden-text">Definition </span>
          {it.number}
        </button>
      ),
    },
    { name: "Pin", cell: (it) => <span className="mono">{shortPin(it.pin)}</span> },
    {
      name: "",
      silent: true,
      cell: (it) => (
        <span className="row" style={{ gap: 6 }}>
          {it.approved && <Pill tone="ok">approved</Pill>}
          {it.pin === of.tool.seen_pin && <Pill>seen last</Pill>}
        </span>
      ),
    },
    { name: "Tokens", right: true, hide: "s", cell: (it) => it.tokens },
    {
      name: "Seen",
      right: true,
      cell: (it) => (
        <>
          <Ago at={it.seen_at} /> <span className="dim">in {it.seen_in === "traffic" ? "traffic" : "a listing"}</span>
        </>
      ),
    },
  ];
  if (!shown) return null;
  return (
    <>
      <Card title={`Definition ${shown.number}`} aside={shown.approved && <Pill tone="ok">approved</Pill>}>
        <Definition key={shown.pin} version={shown} />
      </Card>
      <Card title="Every definition it was seen with" flush>
        <Table
          label="Definitions"
          columns={columns.map((it) => (it.name ? it : { ...it, name: "State" }))}
          rows={of.versions}
          rowKey={(it) => it.pin}
        />
      </Card>
    </>
  );
}

const decisionColumns: Column<OrgEvent>[] = [
  { name: "When", nowrap: true, cell: (it) => <Ago at={it.at} /> },
  { name: "What", cell: (it) => <Link to={`/events?event=${it.id}`}>{bare(it.kind)}</Link> },
  { name: "Who", cell: (it) => <span className="break">{it.actor.name || it.actor.kind}</span> },
  {
    name: "Pin",
    hide: "s",
    cell: (it) => <span className="mono">{typeof it.payload.pin === "string" && shortPin(it.payload.pin)}</span>,
  },
];

function Decisions({ id }: { id: string }) {
  const query = useInfiniteQuery(eventList({ subject: `tool:${id}` }));
  const rows = query.data?.pages.flatMap((page) => page.items);
  return (
    <Card title="What happened to it" flush={rows?.length !== 0}>
      {query.error && <Trouble error={query.error} what="The events" retry={() => query.refetch()} />}
      {rows?.length === 0 ? (
        <Empty title="Nothing was decided about it">It was approved with the first listing of its server.</Empty>
      ) : (
        <>
          <Table label="Events of this tool" columns={decisionColumns} rows={rows} rowKey={(it) => it.id} />
          {rows && <More shown={rows.length} noun="event" {...query} />}
        </>
      )}
    </Card>
  );
}

function Found({ of }: { of: ToolDetail }) {
  const { tool } = of;
  const mayManage = useMay("tools.manage");
  const mayCall = useMay("services.call");
  const differs = waits(tool) || tool.state === "rejected";
  const { added, removed } = tally(of.diff);
  return (
    <>
      <PageHead
        title={
          <span className="mono">
            <Parts of={`${tool.server}/${tool.name}`} />
          </span>
        }
        tab={tool.name}
        back={{ to: "/tools/definitions", name: "Definitions" }}
        marks={<ToolPill state={tool.state} />}
        line={tool.title || undefined}
        actions={
          <>
            {mayManage && <ToolActions of={tool} />}
            {mayCall && (tool.state === "approved" || tool.state === "deprecated") && (
              <Button component={Link} to={`/tools/playground?tool=${tool.id}`}>
                Try it
              </Button>
            )}
          </>
        }
      />
      <Standing of={tool} />
      <About of={tool} mayManage={mayManage} />
      {differs && (
        <Card
          title={tool.approved_pin ? "From the approved definition to the one seen last" : "All of it is new"}
          aside={
            <span className="dim">
              {counted(added, "line")} added, {removed} removed
            </span>
          }
        >
          <DiffView label="Difference" lines={of.diff} />
        </Card>
      )}
      <Versions of={of} />
      {useMay("events.read") && <Decisions id={tool.id} />}
    </>
  );
}

export function ToolPage() {
  const { id = "" } = useParams();
  const query = useQuery(toolDetail(id));
  return (
    <>
      {!query.data && <PageHead title="Tool" tab="Tool" back={{ to: "/tools/definitions", name: "Definitions" }} />}
      <Loaded query={query} what="This tool">
        {(found) => <Found of={found} />}
      </Loaded>
    </>
  );
}
