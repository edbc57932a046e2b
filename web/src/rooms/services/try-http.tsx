import Button from "@mui/material/Button";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { type TriedAnswer, type TriedCall, tryCall } from "../../api/gateway";
import type { Service, ServiceMethod } from "../../api/types";
import { Code } from "../../parts/copy";
import { duration, money } from "../../parts/format";
import { Card } from "../../parts/page";
import { fieldProblem, fieldsOf, startTexts, valuesFrom } from "../../parts/schema";
import { SchemaFields } from "../../parts/schema-form";
import { Trouble } from "../../parts/trouble";
import { Pill } from "../../parts/words";
import { Equivalents } from "./equivalents";
import { curlOf, pythonOf, requestOf } from "./request";

function readable(answer: TriedAnswer): string {
  if (!answer.contentType.includes("json")) return answer.text || "(an empty body)";
  try {
    return JSON.stringify(JSON.parse(answer.text), null, 2);
  } catch {
    return answer.text;
  }
}

function Answer({ answer }: { answer: TriedAnswer }) {
  const good = answer.status < 400;
  return (
    <div className="stack tight" role="status">
      <div className="row">
        <Pill tone={good ? "ok" : "bad"}>{answer.status}</Pill>
        <span className="dim">
          {duration(answer.tookMs * 1000)}
          {answer.costMicrousd !== null && ` · ${money(answer.costMicrousd)}`}
          {!good && answer.origin === "portico" && " · refused by Portico"}
          {!good && answer.origin === "upstream" && " · answered by the service"}
        </span>
        {answer.callId && <Link to={`/calls/${answer.callId}`}>The call, stage by stage</Link>}
      </div>
      <Code label="Answer" text={readable(answer)} />
    </div>
  );
}

function Sender({ call, onSend, ready }: { call: TriedCall | null; onSend: () => void; ready: boolean }) {
  const send = useMutation(tryCall);
  return (
    <>
      <div className="row">
        <Button
          variant="contained"
          disabled={send.isPending}
          onClick={() => {
            onSend();
            if (ready && call) send.mutate(call);
          }}
        >
          {send.isPending ? "Sending…" : "Send the call"}
        </Button>
        <span className="dim">A real call, under your own name, with limits and budgets.</span>
      </div>
      {send.error && <Trouble error={send.error} what="The call did not get through" />}
      {send.data && <Answer answer={send.data} />}
      {call && <Equivalents curl={curlOf(call, location.origin)} python={pythonOf(call, location.origin)} />}
    </>
  );
}

function TryMethod({ service, method }: { service: string; method: ServiceMethod }) {
  const fields = fieldsOf(method.parameters);
  const [texts, setTexts] = useState(() => startTexts(fields));
  const [tried, setTried] = useState(false);
  const ready = fields.every((field) => !fieldProblem(field, texts[field.name] ?? ""));
  const call = ready ? requestOf(service, method, valuesFrom(fields, texts)) : null;
  return (
    <>
      {method.description && <p className="dim">{method.description}</p>}
      <SchemaFields
        fields={fields}
        texts={texts}
        tried={tried}
        onChange={(name, text) => setTexts((before) => ({ ...before, [name]: text }))}
      />
      <Sender call={call} ready={ready} onSend={() => setTried(true)} />
    </>
  );
}

const verbs = ["GET", "POST", "PUT", "PATCH", "DELETE"];

function TryPath({ service }: { service: string }) {
  const [verb, setVerb] = useState("GET");
  const [path, setPath] = useState("/");
  const [body, setBody] = useState("");
  const takesBody = verb !== "GET" && verb !== "DELETE";
  const call: TriedCall = {
    method: verb,
    path: `/svc/${encodeURIComponent(service)}${path.startsWith("/") ? path : `/${path}`}`,
    body: takesBody && body ? body : null,
  };
  return (
    <>
      <div className="row" style={{ flexWrap: "nowrap", alignItems: "flex-start" }}>
        <TextField
          select
          label="Verb"
          value={verb}
          onChange={(event) => setVerb(event.target.value)}
          sx={{ width: 110, flex: "none" }}
        >
          {verbs.map((it) => (
            <MenuItem key={it} value={it}>
              {it}
            </MenuItem>
          ))}
        </TextField>
        <TextField
          label="Path at the service"
          value={path}
          onChange={(event) => setPath(event.target.value)}
          slotProps={{ htmlInput: { className: "mono" } }}
        />
      </div>
      {takesBody && (
        <TextField
          label="JSON body"
          multiline
          minRows={3}
          value={body}
          onChange={(event) => setBody(event.target.value)}
          slotProps={{ htmlInput: { className: "mono" } }}
        />
      )}
      <Sender call={call} ready onSend={() => {}} />
    </>
  );
}

/** A form that sends a call the same way any client would. */
export function TryHttp({ service }: { service: Service }) {
  const [name, setName] = useState(service.methods[0]?.name ?? "");
  const method = service.methods.find((it) => it.name === name);
  return (
    <Card title="Try it">
      <div className="stack">
        {service.methods.length > 0 && (
          <TextField
            select
            label="Method"
            value={name}
            onChange={(event) => setName(event.target.value)}
            slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }}
          >
            {service.methods.map((it) => (
              <MenuItem key={it.name} value={it.name}>
                {it.name} — {it.http_method} {it.path}
              </MenuItem>
            ))}
            <MenuItem value="">any path</MenuItem>
          </TextField>
        )}
        {method ? (
          <TryMethod key={method.name} service={service.name} method={method} />
        ) : (
          <TryPath service={service.name} />
        )}
      </div>
    </Card>
  );
}
