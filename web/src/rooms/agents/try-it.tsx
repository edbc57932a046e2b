import Button from "@mui/material/Button";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Link } from "react-router";
import { cancelTask, type Sent, sendMessage } from "../../api/a2a";
import { useMay } from "../../api/session";
import type { Agent } from "../../api/types";
import { duration } from "../../parts/format";
import { Card } from "../../parts/page";
import { Trouble } from "../../parts/trouble";
import { skillsIn } from "./card";
import { Equivalents } from "./how-to-call";
import { add, canCancel, type Exchange, goingOn, type Line, nothingYet } from "./talk";
import { StatePill } from "./words";

interface Turn {
  id: number;
  asked: string;
  startedAt: number;
  told: Exchange;
  callId: string | null;
  sent: Sent | null;
}

function Told({ line }: { line: Line }) {
  return (
    <li className={line.kind === "artifact" || line.kind === "message" ? "ok-mark" : undefined}>
      <div className="row apart">
        <span className="row">
          <span className="dim">{line.kind}</span>
          {line.name && <strong className="break">{line.name}</strong>}
          {line.state && <StatePill of={line.state} />}
        </span>
        <span className="num dim">{duration(line.afterMs * 1000)}</span>
      </div>
      {line.text && (
        <p className="break" style={{ whiteSpace: "pre-wrap" }}>
          {line.text}
        </p>
      )}
    </li>
  );
}

function Exchanged({ turn, busy }: { turn: Turn; busy: boolean }) {
  const mayReadCalls = useMay("calls.read");
  return (
    <div className="stack tight">
      <div className="bubble mine">
        <span className="hidden-text">You: </span>
        {turn.asked}
      </div>
      <ol className="attempts" aria-label="What the agent told" style={{ listStyle: "none", margin: 0, padding: 0 }}>
        {turn.told.lines.map((line) => (
          <Told key={line.id} line={line} />
        ))}
        {busy && (
          <li>
            <span className="dim">{turn.told.lines.length === 0 ? "waiting for its first word…" : "listening…"}</span>
          </li>
        )}
      </ol>
      {!busy && (
        <p className="row dim" style={{ margin: 0 }}>
          {turn.sent && <span>{duration(turn.sent.tookMs * 1000)}</span>}
          {turn.callId && mayReadCalls && <Link to={`/calls/${turn.callId}`}>the call, stage by stage</Link>}
        </p>
      )}
    </div>
  );
}

/** A talk with an agent, sent through the gateway like any client's. */
export function TryIt({ of, raw }: { of: Agent; raw: Record<string, unknown> | undefined }) {
  const [turns, setTurns] = useState<Turn[]>([]);
  const [typed, setTyped] = useState("");
  const stopper = useRef<AbortController | null>(null);
  const send = useMutation(sendMessage);
  const cancel = useMutation(cancelTask);
  const examples = raw ? skillsIn(raw).flatMap((skill) => skill.examples) : [];
  const last = turns.at(-1)?.told ?? nothingYet;
  const stopped = send.error instanceof DOMException && send.error.name === "AbortError";
  const going = goingOn(last);
  const change = (id: number, next: (turn: Turn) => Turn) =>
    setTurns((before) => before.map((turn) => (turn.id === id ? next(turn) : turn)));

  function say(text: string) {
    const asked = text.trim();
    if (!asked || send.isPending) return;
    const id = turns.length;
    const start = { ...nothingYet, contextId: last.contextId };
    setTurns((before) => [
      ...before,
      { id, asked, startedAt: performance.now(), told: start, callId: null, sent: null },
    ]);
    setTyped("");
    cancel.reset();
    stopper.current = new AbortController();
    send.mutate(
      {
        agent: of.name,
        text: asked,
        ...going,
        streaming: of.card.streaming,
        signal: stopper.current.signal,
        onCall: (callId) => change(id, (turn) => ({ ...turn, callId })),
        onTold: (told, afterMs) => change(id, (turn) => ({ ...turn, told: add(turn.told, told, afterMs) })),
      },
      { onSuccess: (sent) => change(id, (turn) => ({ ...turn, sent })) },
    );
  }

  function end() {
    if (!last.task) return;
    const id = turns.length - 1;
    cancel.mutate(
      { agent: of.name, taskId: last.task.id },
      {
        // A stream that is open tells of it by itself.
        onSuccess: (task) =>
          change(id, (turn) =>
            canCancel(turn.told)
              ? { ...turn, told: add(turn.told, { task }, performance.now() - turn.startedAt) }
              : turn,
          ),
      },
    );
  }

  return (
    <div className="halves">
      <Card
        title="Try it"
        label="Try it"
        aside={
          turns.length > 0 && (
            <Button
              variant="text"
              disabled={send.isPending}
              onClick={() => {
                setTurns([]);
                send.reset();
                cancel.reset();
              }}
            >
              Start over
            </Button>
          )
        }
      >
        <div className="stack">
          {turns.length === 0 && examples.length > 0 && (
            <div className="row">
              <span className="dim">For example</span>
              {examples.slice(0, 4).map((example) => (
                <button key={example} type="button" className="chip" onClick={() => setTyped(example)}>
                  {example}
                </button>
              ))}
            </div>
          )}
          <div className="stack" role="log" aria-label="Conversation">
            {turns.map((turn, place) => (
              <Exchanged key={turn.id} turn={turn} busy={send.isPending && place === turns.length - 1} />
            ))}
          </div>
          {send.error && !stopped && <Trouble error={send.error} what="No answer" />}
          {stopped && (
            <p className="dim">
              You stopped listening.
              {canCancel(last) && " The task goes on, as A2A has it, until it ends or is cancelled."}
            </p>
          )}
          {cancel.error && <Trouble error={cancel.error} what="The task goes on" />}
          <form
            className="row"
            style={{ flexWrap: "nowrap", alignItems: "flex-start" }}
            onSubmit={(event) => {
              event.preventDefault();
              say(typed);
            }}
          >
            <TextField
              label={going.taskId ? `Answer ${of.name}` : `Say something to ${of.name}`}
              multiline
              maxRows={6}
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
              onKeyDown={(event) => {
                if (event.key === "Enter" && !event.shiftKey) {
                  event.preventDefault();
                  say(typed);
                }
              }}
            />
            {send.isPending ? (
              <Button onClick={() => stopper.current?.abort()} sx={{ mt: "3px", flex: "none" }}>
                Stop listening
              </Button>
            ) : (
              <Button type="submit" variant="contained" sx={{ mt: "3px", flex: "none" }}>
                Send
              </Button>
            )}
          </form>
          <div className="row">
            {canCancel(last) && (
              <Button color="error" onClick={end} disabled={cancel.isPending}>
                {cancel.isPending ? "Cancelling…" : "Cancel task"}
              </Button>
            )}
            <span className="dim">A real call, under your own name, with limits and budgets.</span>
          </div>
        </div>
      </Card>
      <Card title="The exact call">
        <Equivalents of={of} text={typed.trim() || turns.at(-1)?.asked || examples[0] || "What can you do?"} />
      </Card>
    </div>
  );
}
