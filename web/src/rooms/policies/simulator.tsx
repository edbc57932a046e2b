import Autocomplete from "@mui/material/Autocomplete";
import Button from "@mui/material/Button";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { simulatePolicies } from "../../api/queries/policies";
import { toolMeter, toolsOf } from "../../api/queries/tools";
import { useMe } from "../../api/session";
import type { PolicyDraft, PolicyVerdict } from "../../api/types";
import { Code } from "../../parts/copy";
import { JsonField, readObject } from "../../parts/json-field";
import { Card } from "../../parts/page";
import { type Column, Table } from "../../parts/table";
import { Empty, Loaded, Trouble } from "../../parts/trouble";
import { Pill } from "../../parts/words";
import { simulateCommandOf } from "./draft";
import { PoliciesHead } from "./head";
import { usePrincipals } from "./principals";
import { EffectPill, holdsWords, verdictWords } from "./words";

type Asked = PolicyVerdict["policies"][number];

function columnsFor(by: string | null): Column<Asked>[] {
  return [
    {
      name: "Policy",
      wide: true,
      cell: ({ id, name }) =>
        id === "draft" ? (
          <span className="strong break">{name}, not saved</span>
        ) : (
          <Link to={`/policies/${id}`} className="strong break">
            {name}
          </Link>
        ),
    },
    { name: "Effect", cell: ({ effect }) => <EffectPill effect={effect} /> },
    {
      name: "Outcome",
      cell: ({ id, holds, reason }) => (
        <>
          <span className="row" style={{ gap: 6 }}>
            <Pill tone={holdsWords[holds].tone}>{holdsWords[holds].text}</Pill>
            {id === by && <Pill tone="accent">decides</Pill>}
          </span>
          {reason && <div className="dim break">{reason}</div>}
        </>
      ),
    },
  ];
}

function Outcome({ of }: { of: PolicyVerdict }) {
  const { text, tone } = verdictWords[of.verdict];
  return (
    <section className="stack tight" aria-label="What would happen" aria-live="polite">
      <div className={`notice ${of.allowed ? "ok" : tone}`}>
        <strong>{text}</strong>. {of.reason}
        {of.unchecked && ` ${of.unchecked}`}
      </div>
      {of.policies.length > 0 ? (
        <Table
          label="Policies that were asked"
          columns={columnsFor(of.decided_by)}
          rows={of.policies}
          rowKey={(it) => it.id}
        />
      ) : (
        <p className="dim">No policy covers this call.</p>
      )}
    </section>
  );
}

interface Question {
  principal: string;
  server: string;
  tool: string;
  args: string;
  address: string;
}

interface Props {
  servers: string[];
  /** What is on the screen and not saved yet; undefined while it cannot be tried. */
  draft?: PolicyDraft | undefined;
  replaces?: string | undefined;
  /** Why the draft cannot be tried as it stands. */
  hold?: string | undefined;
  /** On a page of its own, where the same question on the command line is shown, too. */
  alone?: boolean | undefined;
}

function Form({ servers, draft, replaces, hold, alone }: Props) {
  const me = useMe();
  const principals = usePrincipals();
  const [asked, setAsked] = useState<Question>({
    principal: me.person?.id ?? "",
    server: servers[0] ?? "",
    tool: "",
    args: "{}",
    address: "",
  });
  const put = (changes: Partial<Question>) => setAsked((before) => ({ ...before, ...changes }));
  const known = useQuery(toolsOf(asked.server)).data ?? [];
  const simulate = useMutation(simulatePolicies);
  const read = readObject(asked.args);
  const ready = asked.principal && asked.server && asked.tool.trim() && read.problem === undefined && !hold;
  const ask = () => {
    if (!ready || read.problem !== undefined) return;
    simulate.mutate({
      principal: asked.principal,
      server: asked.server,
      tool: asked.tool.trim(),
      arguments: read.value,
      address: asked.address.trim(),
      draft: draft ?? null,
      replaces: replaces ?? null,
    });
  };
  return (
    <form
      className="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        event.stopPropagation();
        ask();
      }}
    >
      <div className="form-grid">
        <TextField
          select
          label="Who"
          value={principals.some((it) => it.id === asked.principal) ? asked.principal : ""}
          onChange={(event) => put({ principal: event.target.value })}
        >
          {principals.map((it) => (
            <MenuItem key={it.id} value={it.id}>
              {it.name}
            </MenuItem>
          ))}
        </TextField>
        <TextField
          label="From the address"
          value={asked.address}
          onChange={(event) => put({ address: event.target.value })}
          helperText="For policies that ask for it"
        />
      </div>
      <div className="form-grid">
        <TextField
          select
          label="Server"
          value={asked.server}
          onChange={(event) => put({ server: event.target.value, tool: "" })}
        >
          {servers.map((name) => (
            <MenuItem key={name} value={name}>
              {name}
            </MenuItem>
          ))}
        </TextField>
        <Autocomplete
          freeSolo
          options={known.map((it) => it.name)}
          inputValue={asked.tool}
          onInputChange={(_, tool) => put({ tool })}
          renderInput={(params) => <TextField {...params} label="Tool" />}
        />
      </div>
      <JsonField label="Arguments" text={asked.args} onChange={(args) => put({ args })} />
      <div className="row">
        <Button type="submit" variant="contained" disabled={!ready || simulate.isPending}>
          {simulate.isPending ? "Working…" : "Ask"}
        </Button>
        {hold ? <span className="dim">{hold}</span> : <span className="dim">Nothing is called.</span>}
      </div>
      {simulate.error && <Trouble error={simulate.error} />}
      {simulate.data && !simulate.isPending && <Outcome of={simulate.data} />}
      {alone && (
        <Code label="Command" text={simulateCommandOf(asked.principal, asked.server, asked.tool, asked.args)} />
      )}
    </form>
  );
}

/** A question to the policies, with a draft put in for trial where there is one. */
export function Simulator({ draft, replaces, hold, alone }: Omit<Props, "servers">) {
  const meter = useQuery(toolMeter);
  return (
    <Loaded query={meter} what="The tool servers">
      {(servers) =>
        servers.length === 0 ? (
          <Empty
            title="No tool server yet"
            command="portico services add time --kind tools --url http://127.0.0.1:18082/mcp"
          >
            Policies are about calls of tools: with the first server of kind tools there is something to ask about.
          </Empty>
        ) : (
          <Form servers={servers.map((it) => it.server)} draft={draft} replaces={replaces} hold={hold} alone={alone} />
        )
      }
    </Loaded>
  );
}

export function SimulatorPage() {
  return (
    <>
      <PoliciesHead at="simulate" />
      <Card title="May they call it?">
        <Simulator alone />
      </Card>
    </>
  );
}
