import Button from "@mui/material/Button";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { callTool, type ToolAnswer } from "../../api/call-tool";
import { curlOf, headersOf, pythonOf, singleCall } from "../../api/mcp";
import { toolDetail, usableTools } from "../../api/queries/tools";
import type { JsonSchema, Tool, ToolDetail } from "../../api/types";
import { Code } from "../../parts/copy";
import { useFilters } from "../../parts/filters";
import { duration } from "../../parts/format";
import { JsonField, pretty, readObject } from "../../parts/json-field";
import { Card } from "../../parts/page";
import { fieldProblem, fieldsOf, startTexts, valuesFrom } from "../../parts/schema";
import { SchemaFields } from "../../parts/schema-form";
import { Empty, Loaded, Trouble } from "../../parts/trouble";
import { Pill } from "../../parts/words";
import { Equivalents } from "../services/equivalents";
import { ToolsHead } from "./head";

function shownText({ reply, text }: ToolAnswer): string {
  if (!reply) return text || "(an empty body)";
  if (reply.error) return pretty(reply.error);
  const { content = [], structuredContent } = reply.result ?? {};
  if (structuredContent !== undefined) return pretty(structuredContent);
  const texts = content.flatMap((it) => (it.type === "text" && it.text !== undefined ? [it.text] : []));
  return texts.length > 0 && texts.length === content.length ? texts.join("\n") : pretty(reply.result);
}

function verdictOf({ reply, status }: ToolAnswer): { text: string; good: boolean } {
  if (!reply) return { text: `no answer of MCP (${status})`, good: false };
  if (reply.error) return { text: `refused: ${reply.error.message}`, good: false };
  return reply.result?.isError ? { text: "the tool failed", good: false } : { text: "answered", good: true };
}

function Answer({ of }: { of: ToolAnswer }) {
  const { text, good } = verdictOf(of);
  return (
    <section className="stack tight" aria-label="The answer" aria-live="polite">
      <div className="row">
        <Pill tone={good ? "ok" : "bad"}>{good ? text : "failed"}</Pill>
        <span className="dim">
          {duration(of.tookMs * 1000)} · MCP of {of.era}
        </span>
        {of.callId && <Link to={`/calls/${of.callId}`}>The call, stage by stage</Link>}
      </div>
      {!good && <p className="bad break">{text}</p>}
      <Code label="Answer" text={shownText(of)} />
      {of.reply && (
        <details>
          <summary>The message as it came</summary>
          <Code label="Message" text={pretty(of.reply)} />
        </details>
      )}
    </section>
  );
}

function Caller({ of }: { of: ToolDetail }) {
  const { tool } = of;
  const definition = of.versions.find((it) => it.pin === tool.approved_pin)?.definition ?? {};
  const schema = (definition.inputSchema ?? null) as JsonSchema | null;
  const fields = fieldsOf(schema);
  const [texts, setTexts] = useState(() => startTexts(fields));
  const [raw, setRaw] = useState<string | null>(null);
  const [tried, setTried] = useState(false);
  const send = useMutation(callTool);
  const ready = fields.every((field) => !fieldProblem(field, texts[field.name] ?? ""));
  const typed = raw === null ? null : readObject(raw);
  const args = typed ? (typed.problem === undefined ? typed.value : null) : ready ? valuesFrom(fields, texts) : null;
  const call = { server: tool.server, tool: tool.name, args: args ?? {} };
  const exact = singleCall(call, headersOf(schema, call.args));
  const description = typeof definition.description === "string" ? definition.description : null;
  return (
    <div className="halves">
      <Card title="Arguments">
        <form
          className="stack"
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            setTried(true);
            if (args && !send.isPending) send.mutate({ ...call, schema });
          }}
        >
          {description && (
            <p className="dim break" style={{ whiteSpace: "pre-wrap" }}>
              {description}
            </p>
          )}
          {raw === null ? (
            <SchemaFields
              fields={fields}
              texts={texts}
              tried={tried}
              onChange={(name, text) => setTexts((before) => ({ ...before, [name]: text }))}
            />
          ) : (
            <JsonField label="Arguments as JSON" text={raw} onChange={setRaw} />
          )}
          <div>
            <button
              type="button"
              className="plain-button link"
              onClick={() => setRaw(raw === null ? pretty(args ?? {}) : null)}
            >
              {raw === null ? "Write them as JSON" : "Back to the form"}
            </button>
          </div>
          <div className="row">
            <Button type="submit" variant="contained" disabled={send.isPending}>
              {send.isPending ? "Calling…" : "Call the tool"}
            </Button>
            <span className="dim">A real call, under your own name, with policies, limits and budgets.</span>
          </div>
          {send.error && <Trouble error={send.error} what="The call did not get through" />}
          {send.data && !send.isPending && <Answer of={send.data} />}
        </form>
      </Card>
      <Card title="The exact call">
        {args ? (
          <Equivalents curl={curlOf(exact, location.origin)} python={pythonOf(call, location.origin)} />
        ) : (
          <p className="dim">It is shown here when the arguments are complete.</p>
        )}
      </Card>
    </div>
  );
}

function Chosen({ id }: { id: string }) {
  const query = useQuery(toolDetail(id));
  return (
    <Loaded query={query} what="This tool">
      {(found) => <Caller key={`${found.tool.id} ${found.tool.approved_pin}`} of={found} />}
    </Loaded>
  );
}

function Chooser({ tools }: { tools: Tool[] }) {
  const { values, set } = useFilters(["tool"] as const);
  const sorted = [...tools].sort((one, other) =>
    `${one.server}/${one.name}`.localeCompare(`${other.server}/${other.name}`),
  );
  const chosen = sorted.find((it) => it.id === values.tool) ?? sorted[0];
  if (!chosen) return null;
  return (
    <>
      <TextField
        select
        label="Tool"
        value={chosen.id}
        onChange={(event) => set({ tool: event.target.value })}
        sx={{ maxWidth: 480 }}
      >
        {sorted.map((it) => (
          <MenuItem key={it.id} value={it.id}>
            {it.server}/{it.name}
          </MenuItem>
        ))}
      </TextField>
      <Chosen key={chosen.id} id={chosen.id} />
    </>
  );
}

export function ToolPlayground() {
  const query = useQuery(usableTools);
  return (
    <>
      <ToolsHead at="playground" />
      <Loaded query={query} what="The tools">
        {(tools) =>
          tools.length === 0 ? (
            <Card>
              <Empty title="No tool may be called yet" command="portico tools list --state quarantined">
                Add a tool server, or approve what waits in the quarantine; approved tools can be called here with a
                form made from their schema.
              </Empty>
            </Card>
          ) : (
            <Chooser tools={tools} />
          )
        }
      </Loaded>
    </>
  );
}
