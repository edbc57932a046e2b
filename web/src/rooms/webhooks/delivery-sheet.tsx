import Button from "@mui/material/Button";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { deliveryDetail, redeliver } from "../../api/queries/webhooks";
import type { Delivery, DeliveryAttempt, DeliveryDetail } from "../../api/types";
import { FormDialog } from "../../parts/ask";
import { Code, CopyId } from "../../parts/copy";
import { duration, exact } from "../../parts/format";
import { JsonField, readObject } from "../../parts/json-field";
import { Facts } from "../../parts/page";
import { SideSheet } from "../../parts/sheet";
import { say } from "../../parts/toasts";
import { Lines, Loaded, Trouble } from "../../parts/trouble";
import { Ago, Pill } from "../../parts/words";
import { bare } from "../events/kinds";
import { layOut } from "./actions";
import { DeliveryPill, NextTry, originWords } from "./words";

const isTaken = (attempt: DeliveryAttempt) => attempt.error === null && attempt.status !== null;

/** Every try, newest first, with what came back. */
function Attempts({ of }: { of: DeliveryAttempt[] }) {
  if (of.length === 0) return <p className="dim">Not tried yet.</p>;
  return (
    <ol className="attempts" aria-label="Tries">
      {[...of].reverse().map((attempt) => (
        <li key={attempt.number} className={isTaken(attempt) ? "ok-mark" : "bad-mark"}>
          <div className="row apart">
            <span className="row">
              <strong>Try {attempt.number}</strong>
              <Pill tone={isTaken(attempt) ? "ok" : "bad"}>{attempt.status ?? "no answer"}</Pill>
              <span className="num dim">{duration(attempt.took_ms * 1000)}</span>
            </span>
            <span className="dim">
              <Ago at={attempt.at} />
            </span>
          </div>
          {attempt.error && <p className="break">{attempt.error}</p>}
          {attempt.response && (
            <details>
              <summary>What it answered</summary>
              <Code label={`Answer to try ${attempt.number}`} text={attempt.response} />
            </details>
          )}
        </li>
      ))}
    </ol>
  );
}

function EditAndSend({
  of,
  onMade,
  onClose,
}: {
  of: DeliveryDetail;
  onMade: (made: Delivery) => void;
  onClose: () => void;
}) {
  const [text, setText] = useState(() => layOut(of.body));
  const send = useMutation({ ...redeliver(of.id), onSuccess: onMade });
  const read = readObject(text);
  return (
    <FormDialog
      title={`Edit ${bare(of.kind)} and send it`}
      verb="Send edited delivery"
      wide
      busy={send.isPending}
      ready={read.problem === undefined}
      error={send.error}
      onClose={onClose}
      onSubmit={() => read.problem === undefined && send.mutate(text)}
    >
      <p>
        It goes out as a delivery of its own, with a new id and marked as edited. The event and the delivery it is made
        from stay as they are.
      </p>
      <JsonField label="Body" text={text} onChange={setText} hint="Signed and sent exactly as it stands here" />
    </FormDialog>
  );
}

interface DetailProps {
  of: DeliveryDetail;
  mayManage: boolean;
  onOpen: (id: string) => void;
}

function Detail({ of, mayManage, onOpen }: DetailProps) {
  const [editing, setEditing] = useState(false);
  const again = useMutation({
    ...redeliver(of.id),
    onSuccess: () => say(`${bare(of.kind)} is on its way once more.`),
  });
  return (
    <>
      <div className="row">
        <DeliveryPill state={of.state} tries={of.attempts.length} />
        {of.origin !== "event" && <Pill tone="accent">{originWords[of.origin]}</Pill>}
        {mayManage && (
          <>
            <Button onClick={() => again.mutate(undefined)} disabled={again.isPending || of.state === "pending"}>
              {again.isPending ? "Working…" : "Redeliver"}
            </Button>
            <Button onClick={() => setEditing(true)}>Edit and redeliver…</Button>
          </>
        )}
      </div>
      {again.error && <Trouble error={again.error} />}
      <Facts
        of={[
          ["About", <CopyId key="subject" id={of.subject} />],
          ["Made", exact(of.created_at)],
          ...(of.state === "pending"
            ? ([["Next try", <NextTry key="next" of={of} />]] as [string, React.ReactNode][])
            : []),
          [
            "Event",
            <Link key="event" to={`/events?open=${of.event_id}`} className="mono">
              {of.event_id}
            </Link>,
          ],
          ["Id", <CopyId key="id" id={of.id} />],
        ]}
      />
      <h3>Tries</h3>
      <Attempts of={of.attempts} />
      <h3>What is sent</h3>
      <Code label="Body" text={layOut(of.body)} />
      <Code label="Headers" text={of.headers.map(({ name, value }) => `${name}: ${value}`).join("\n")} />
      {editing && (
        <EditAndSend
          of={of}
          onClose={() => setEditing(false)}
          onMade={(made) => {
            setEditing(false);
            say("The edited delivery is on its way.");
            onOpen(made.id);
          }}
        />
      )}
    </>
  );
}

interface SheetProps {
  id: string;
  mayManage: boolean;
  onOpen: (id: string) => void;
  onClose: () => void;
}

export function DeliverySheet({ id, mayManage, onOpen, onClose }: SheetProps) {
  const query = useQuery(deliveryDetail(id));
  return (
    <SideSheet title={query.data ? bare(query.data.kind) : "Delivery"} onClose={onClose}>
      <Loaded query={query} what="This delivery" skeleton={<Lines count={6} />}>
        {(delivery) => <Detail of={delivery} mayManage={mayManage} onOpen={onOpen} />}
      </Loaded>
    </SideSheet>
  );
}
