import Button from "@mui/material/Button";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Link } from "react-router";
import { chat } from "../../api/gateway";
import { modelMatrix, modelRoutes } from "../../api/queries/models";
import type { ModelMatrixRow, ModelRoute } from "../../api/types";
import { duration } from "../../parts/format";
import { Card } from "../../parts/page";
import { Empty, Loaded, Trouble } from "../../parts/trouble";
import { Equivalents } from "../services/equivalents";
import { curlOf, pythonOf } from "./code";
import { ModelsHead } from "./head";
import { preferences } from "./words";

interface Asked {
  model: string;
  task: string;
  prefer: string;
  text: string;
}

function Answer({
  of,
  soFar,
}: {
  of: Awaited<ReturnType<NonNullable<typeof chat.mutationFn>>> | undefined;
  soFar: string | null;
}) {
  if (soFar !== null)
    return <div className="bubble">{soFar || <span className="dim">waiting for the first word…</span>}</div>;
  if (!of) return null;
  return (
    <section className="stack tight" aria-label="The answer">
      <div className="bubble">{of.text}</div>
      <p className="dim">
        {of.model && (
          <>
            answered by <strong className="mono">{of.model}</strong> ·{" "}
          </>
        )}
        {duration(of.tookMs * 1000)}
        {of.firstTextMs !== null && `, first words after ${duration(of.firstTextMs * 1000)}`}
        {of.callId && (
          <>
            {" · "}
            <Link to={`/calls/${of.callId}`}>the call, and why that model</Link>
          </>
        )}
      </p>
    </section>
  );
}

function Talk({ models, routes }: { models: ModelMatrixRow[]; routes: ModelRoute[] }) {
  const named = [...routes.filter((route) => route.enabled).map((route) => route.name), ...models.map((it) => it.name)];
  const [asked, setAsked] = useState<Asked>({ model: named[0] ?? "", task: "", prefer: "", text: "" });
  const [soFar, setSoFar] = useState<string | null>(null);
  const stopper = useRef<AbortController | null>(null);
  const send = useMutation({ ...chat, onSettled: () => setSoFar(null) });
  const stopped = send.error instanceof DOMException && send.error.name === "AbortError";
  const isRoute = routes.some((route) => route.name === asked.model);
  const set = (name: keyof Asked) => (event: { target: { value: string } }) =>
    setAsked((before) => ({ ...before, [name]: event.target.value }));
  const headers = isRoute ? { task: asked.task.trim(), prefer: asked.prefer } : { task: "", prefer: "" };
  const exact = { ...asked, ...headers, text: asked.text.trim() || "Hello" };

  function ask() {
    if (!asked.text.trim() || send.isPending) return;
    stopper.current = new AbortController();
    setSoFar("");
    const messages = [{ role: "user" as const, content: asked.text.trim() }];
    send.mutate({ ...headers, model: asked.model, messages, onText: setSoFar, signal: stopper.current.signal });
  }

  return (
    <div className="halves">
      <Card title="Ask">
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            ask();
          }}
        >
          <TextField select label="Model or route" value={asked.model} onChange={set("model")}>
            {named.map((name) => (
              <MenuItem key={name} value={name}>
                {name}
              </MenuItem>
            ))}
          </TextField>
          {isRoute && (
            <div className="form-grid">
              <TextField label="Task" value={asked.task} onChange={set("task")} helperText="goes as X-Portico-Task" />
              <TextField select label="Prefer" value={asked.prefer} onChange={set("prefer")}>
                <MenuItem value="">what the route prefers</MenuItem>
                {preferences.map((it) => (
                  <MenuItem key={it.value} value={it.value}>
                    {it.name}
                  </MenuItem>
                ))}
              </TextField>
            </div>
          )}
          <TextField label="What to ask" multiline minRows={3} maxRows={12} value={asked.text} onChange={set("text")} />
          <div className="row">
            {send.isPending ? (
              <Button onClick={() => stopper.current?.abort()}>Stop</Button>
            ) : (
              <Button type="submit" variant="contained">
                Send
              </Button>
            )}
            <span className="dim">A real call, under your own name, with limits and budgets.</span>
          </div>
          {send.error && !stopped && <Trouble error={send.error} what="No answer" />}
          <Answer of={send.data} soFar={soFar} />
        </form>
      </Card>
      <Card title="The exact call">
        <Equivalents curl={curlOf(exact, location.origin)} python={pythonOf(exact, location.origin)} />
      </Card>
    </div>
  );
}

export function Playground() {
  const models = useQuery(modelMatrix);
  const routes = useQuery(modelRoutes);
  return (
    <>
      <ModelsHead at="playground" />
      <Loaded query={models} what="The models">
        {(found) =>
          found.length === 0 ? (
            <Card>
              <Empty title="No models yet">Register a service of kind model, and talk to its models here.</Empty>
            </Card>
          ) : (
            <Loaded query={routes} what="The routes">
              {(known) => <Talk models={found} routes={known} />}
            </Loaded>
          )
        }
      </Loaded>
    </>
  );
}
