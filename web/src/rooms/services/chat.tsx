import Button from "@mui/material/Button";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Link } from "react-router";
import { type ChatAnswer, type ChatTurn, chat } from "../../api/gateway";
import type { Service } from "../../api/types";
import { duration } from "../../parts/format";
import { Card } from "../../parts/page";
import { Trouble } from "../../parts/trouble";
import { Equivalents } from "./equivalents";
import { chatCurlOf, chatPythonOf } from "./request";

interface Turn extends ChatTurn {
  id: number;
  facts?: ChatAnswer;
}

function Bubble({ turn }: { turn: Turn }) {
  return (
    <div className={turn.role === "user" ? "bubble mine" : "bubble"}>
      <span className="hidden-text">{turn.role === "user" ? "You: " : "Model: "}</span>
      {turn.content}
      {turn.facts && (
        <div className="dim" style={{ fontSize: 12, marginTop: 4 }}>
          {duration(turn.facts.tookMs * 1000)}
          {turn.facts.firstTextMs !== null && `, first words after ${duration(turn.facts.firstTextMs * 1000)}`}
          {turn.facts.callId && (
            <>
              {" · "}
              <Link to={`/calls/${turn.facts.callId}`}>the call</Link>
            </>
          )}
        </div>
      )}
    </div>
  );
}

/** A conversation with a model, sent through the gateway like any client's. */
export function Chat({ service }: { service: Service }) {
  const [model, setModel] = useState(service.models[0] ?? service.name);
  const [turns, setTurns] = useState<Turn[]>([]);
  const [typed, setTyped] = useState("");
  const [soFar, setSoFar] = useState<string | null>(null);
  const stopper = useRef<AbortController | null>(null);
  const send = useMutation({
    ...chat,
    onSuccess: (facts) =>
      setTurns((before) => [...before, { id: before.length, role: "assistant", content: facts.text, facts }]),
    onSettled: () => setSoFar(null),
  });
  const messages = turns.map(({ role, content }) => ({ role, content }));
  const draft: ChatTurn[] = [...messages, { role: "user", content: typed || "Hello" }];
  const stopped = send.error instanceof DOMException && send.error.name === "AbortError";

  function say() {
    const content = typed.trim();
    if (!content || send.isPending) return;
    const asked: ChatTurn[] = [...messages, { role: "user", content }];
    setTurns((before) => [...before, { id: before.length, role: "user", content }]);
    setTyped("");
    setSoFar("");
    stopper.current = new AbortController();
    send.mutate({ model, messages: asked, onText: setSoFar, signal: stopper.current.signal });
  }

  return (
    <Card
      title="Try it"
      aside={
        turns.length > 0 && (
          <Button variant="text" onClick={() => setTurns([])} disabled={send.isPending}>
            Start over
          </Button>
        )
      }
    >
      <div className="stack">
        {service.models.length > 1 && (
          <TextField select label="Model" value={model} onChange={(event) => setModel(event.target.value)}>
            {service.models.map((name) => (
              <MenuItem key={name} value={name}>
                {name}
              </MenuItem>
            ))}
          </TextField>
        )}
        <div className="stack tight" role="log" aria-label="Conversation">
          {turns.map((turn) => (
            <Bubble key={turn.id} turn={turn} />
          ))}
          {soFar !== null && (
            <div className="bubble" aria-live="off">
              {soFar || <span className="dim">waiting for the first word…</span>}
            </div>
          )}
        </div>
        {send.error && !stopped && <Trouble error={send.error} what="No answer" />}
        {stopped && <p className="dim">Stopped.</p>}
        <form
          className="row"
          style={{ flexWrap: "nowrap", alignItems: "flex-start" }}
          onSubmit={(event) => {
            event.preventDefault();
            say();
          }}
        >
          <TextField
            label={`Say something to ${model}`}
            multiline
            maxRows={6}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && !event.shiftKey) {
                event.preventDefault();
                say();
              }
            }}
          />
          {send.isPending ? (
            <Button onClick={() => stopper.current?.abort()} sx={{ mt: "3px" }}>
              Stop
            </Button>
          ) : (
            <Button type="submit" variant="contained" sx={{ mt: "3px" }}>
              Send
            </Button>
          )}
        </form>
        <p className="dim">Real calls, under your own name, with limits and budgets.</p>
        <Equivalents
          curl={chatCurlOf(model, draft, location.origin)}
          python={chatPythonOf(model, draft, location.origin)}
        />
      </div>
    </Card>
  );
}
