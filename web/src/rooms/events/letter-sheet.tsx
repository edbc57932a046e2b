import Button from "@mui/material/Button";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { deadLetterDetail, discardDeadLetter, editDeadLetter, retryDeadLetter } from "../../api/queries/events";
import type { DeadLetter } from "../../api/types";
import { Ask } from "../../parts/ask";
import { Code, CopyId } from "../../parts/copy";
import { exact } from "../../parts/format";
import { JsonField, pretty, readObject } from "../../parts/json-field";
import { Facts } from "../../parts/page";
import { SideSheet } from "../../parts/sheet";
import { say } from "../../parts/toasts";
import { Lines, Loaded, Trouble } from "../../parts/trouble";
import { Ago, Pill } from "../../parts/words";
import { bare } from "./kinds";

function Discard({ letter, onDone, onClose }: { letter: DeadLetter; onDone: () => void; onClose: () => void }) {
  const kind = bare(letter.event.kind);
  const discard = useMutation({
    ...discardDeadLetter(letter.id),
    onSuccess: () => {
      say(`The dead letter ${kind} of ${letter.consumer} is discarded.`);
      onDone();
    },
  });
  return (
    <Ask
      title={`Discard ${kind}?`}
      verb="Discard dead letter"
      busy={discard.isPending}
      error={discard.error}
      onYes={() => discard.mutate()}
      onClose={onClose}
    >
      <strong>{letter.consumer}</strong> will never get this <span className="mono">{kind}</span>
      {letter.event.subject && (
        <>
          {" "}
          about <span className="mono break">{letter.event.subject}</span>
        </>
      )}
      . Later events about the same thing go on. The event itself stays in the log.
    </Ask>
  );
}

function Payload({ letter }: { letter: DeadLetter }) {
  const [text, setText] = useState<string | null>(null);
  const edit = useMutation({
    ...editDeadLetter(letter.id),
    onSuccess: () => {
      setText(null);
      say("The payload is changed. Retry the dead letter to hand it over.");
    },
  });
  const read = text === null ? null : readObject(text);
  if (text === null) {
    return (
      <>
        <Code label="Payload" text={pretty(letter.payload)} />
        {letter.edited && (
          <details>
            <summary>As it was recorded</summary>
            <Code label="Payload as recorded" text={pretty(letter.event.payload)} />
          </details>
        )}
        <div>
          <Button onClick={() => setText(pretty(letter.payload))}>Edit payload</Button>
        </div>
      </>
    );
  }
  return (
    <form
      className="stack tight"
      onSubmit={(event) => {
        event.preventDefault();
        if (read && read.problem === undefined && !edit.isPending) edit.mutate(read.value);
      }}
    >
      <JsonField
        label="Payload"
        text={text}
        onChange={setText}
        hint="Only this consumer sees the change; the log keeps what was recorded"
      />
      {edit.error && <Trouble error={edit.error} />}
      <div className="row">
        <Button type="submit" variant="contained" disabled={read?.problem !== undefined || edit.isPending}>
          {edit.isPending ? "Saving…" : "Save payload"}
        </Button>
        <Button onClick={() => setText(null)}>Cancel</Button>
      </div>
    </form>
  );
}

function Letter({ letter, onClose }: { letter: DeadLetter; onClose: () => void }) {
  const [discarding, setDiscarding] = useState(false);
  const retry = useMutation({
    ...retryDeadLetter(letter.id),
    onSuccess: () => {
      say(`${letter.consumer} gets this ${bare(letter.event.kind)} once more.`);
      onClose();
    },
  });
  return (
    <>
      <div className="row">
        {letter.edited && <Pill tone="accent">edited</Pill>}
        <Button variant="contained" onClick={() => retry.mutate()} disabled={retry.isPending}>
          {retry.isPending ? "Working…" : "Retry"}
        </Button>
        <Button color="error" onClick={() => setDiscarding(true)}>
          Discard…
        </Button>
      </div>
      {retry.error && <Trouble error={retry.error} />}
      <p className="notice bad break">{letter.error}</p>
      <Facts
        of={[
          ["Consumer", letter.consumer],
          ["Tries", String(letter.attempts)],
          ["First failed", exact(letter.first_failed_at)],
          [
            "Died",
            <span key="died">
              {exact(letter.died_at)} (<Ago at={letter.died_at} />)
            </span>,
          ],
          ["About", <CopyId key="subject" id={letter.event.subject} />],
          [
            "Event",
            <Link key="event" to={`/events?open=${letter.event.id}`}>
              {letter.event.id}
            </Link>,
          ],
        ]}
      />
      <Payload letter={letter} />
      {discarding && <Discard letter={letter} onDone={onClose} onClose={() => setDiscarding(false)} />}
    </>
  );
}

export function LetterSheet({ id, onClose }: { id: string; onClose: () => void }) {
  const query = useQuery(deadLetterDetail(id));
  return (
    <SideSheet title={query.data ? bare(query.data.event.kind) : "Dead letter"} onClose={onClose}>
      <Loaded query={query} what="This dead letter" skeleton={<Lines count={6} />}>
        {(letter) => <Letter letter={letter} onClose={onClose} />}
      </Loaded>
    </SideSheet>
  );
}
