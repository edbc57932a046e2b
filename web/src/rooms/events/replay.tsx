import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { consumerList, replayEvents } from "../../api/queries/events";
import type { EventReplay } from "../../api/types";
import { FormDialog } from "../../parts/ask";
import { Code } from "../../parts/copy";
import { useForm } from "../../parts/form";
import { count, counted } from "../../parts/format";
import { say } from "../../parts/toasts";
import { askOf, check, commandOf, dueOf, localOf, type ReplayValues } from "./replay-ask";

export interface ReplayAbout {
  consumer?: string | undefined;
  kind?: string | undefined;
  subject?: string | undefined;
  since?: string | undefined;
  until?: string | undefined;
}

function Found({ found, chosen }: { found: EventReplay; chosen: boolean }) {
  const hits = found.hits.filter((hit) => hit.events > 0);
  if (hits.length === 0) return <p className="notice">No event fits. Nobody would get anything.</p>;
  if (found.corrected !== null) {
    return (
      <p className="notice warn">
        It would be made anew from {counted(found.events, "event")};{" "}
        {found.corrected === 0 ? "nothing in it would change." : `${counted(found.corrected, "row")} would change.`}
      </p>
    );
  }
  return (
    <div className="notice warn stack tight">
      <strong>Of {counted(found.events, "event")} that fit, this would hit:</strong>
      <ul>
        {hits.map((hit) => (
          <li key={hit.consumer}>
            {hit.consumer}, with {counted(hit.events, "event")} once more
          </li>
        ))}
      </ul>
      {!chosen && <p>Choose one of them above to replay.</p>}
    </div>
  );
}

/** Closing the page in between does no harm: what is on its way stays so, and the rest can be replayed later. */
function Progress({ sofar, due }: { sofar: EventReplay; due: number }) {
  return (
    <p className="notice">
      {sofar.dry_run
        ? `${counted(sofar.events, "event")} looked at so far …`
        : `${count(sofar.replayed)} of ${counted(due, "event")} are on their way …`}
    </p>
  );
}

function Which({ form }: { form: ReturnType<typeof useForm<ReplayValues>> }) {
  return (
    <>
      <TextField label="Kinds" {...form.text("kinds", "Such as key.created or service.*; empty: all")} />
      <TextField label="About" {...form.text("subject", "Such as service:svc_…; empty: anything")} />
      <div className="form-grid">
        <TextField
          label="From"
          type="datetime-local"
          slotProps={{ inputLabel: { shrink: true } }}
          {...form.text("since", "Empty: from the beginning")}
        />
        <TextField
          label="To"
          type="datetime-local"
          slotProps={{ inputLabel: { shrink: true } }}
          {...form.text("until", "Empty: until now")}
        />
      </div>
    </>
  );
}

/** Asks first and does later: what was found holds only for exactly what was asked. */
function useReplay(values: ReplayValues, onDone: () => void, takeRefusal: (error: Error) => void) {
  const consumers = useQuery(consumerList).data ?? [];
  const ask = askOf(values, consumers);
  const asked = JSON.stringify(ask);
  const [found, setFound] = useState<{ for: string; replay: EventReplay } | null>(null);
  const [agreed, setAgreed] = useState(false);
  const [sofar, setSofar] = useState<EventReplay | null>(null);
  const current = found?.for === asked ? found.replay : null;
  const due = dueOf(current, ask);
  const name = ask.projection ?? ask.consumer ?? "";
  const replay = useMutation({
    ...replayEvents(setSofar),
    onSuccess: (answer) => {
      setSofar(null);
      if (answer.dry_run) {
        setAgreed(false);
        return setFound({ for: asked, replay: answer });
      }
      say(ask.projection ? `${name} is made anew.` : `${name} gets ${counted(answer.replayed, "event")} once more.`);
      onDone();
    },
    onError: takeRefusal,
  });
  const send = () => replay.mutate({ ...ask, dry_run: due === 0 || !agreed });
  return { consumers, ask, name, current, due, agreed, setAgreed, replay, sofar, send };
}

/** First it is said who would be hit; only then is there a button that does it. */
export function ReplayDialog({ about, onClose }: { about: ReplayAbout; onClose: () => void }) {
  const form = useForm<ReplayValues>(
    {
      consumer: about.consumer ?? "",
      kinds: about.kind ?? "",
      subject: about.subject ?? "",
      since: localOf(about.since),
      until: localOf(about.until),
    },
    check,
  );
  const { consumers, ask, name, current, due, agreed, setAgreed, replay, sofar, send } = useReplay(
    form.values,
    onClose,
    form.takeRefusal,
  );
  const names = [...new Set([...consumers.map((it) => it.name), ...(about.consumer ? [about.consumer] : [])])];
  const verb = ask.projection ? "Make anew" : `Replay ${counted(due, "event")}`;
  return (
    <FormDialog
      title={ask.projection ? `Make ${ask.projection} anew` : "Replay events"}
      verb={due > 0 ? verb : "See who would be hit"}
      busy={replay.isPending}
      ready={due === 0 || agreed}
      error={replay.error}
      onClose={onClose}
      onSubmit={() => form.attempt(send)}
    >
      <p>
        {ask.projection
          ? "It is thrown away and made from the log again, up to where it stands now."
          : "A consumer gets events of the past once more, as if they had just happened. The log itself stays as it is."}
      </p>
      <TextField
        select
        label="Who gets them"
        slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }}
        {...form.text("consumer")}
      >
        <MenuItem value="">not chosen yet, show everybody</MenuItem>
        {names.map((it) => (
          <MenuItem key={it} value={it}>
            {it}
          </MenuItem>
        ))}
      </TextField>
      {!ask.projection && <Which form={form} />}
      <div role="status">
        {sofar && replay.isPending ? (
          <Progress sofar={sofar} due={due} />
        ) : (
          current && <Found found={current} chosen={name !== ""} />
        )}
      </div>
      {due > 0 && (
        <FormControlLabel
          label={ask.projection ? `Yes, make ${name} anew` : `Yes, hand them to ${name} again`}
          control={<Checkbox checked={agreed} onChange={(event) => setAgreed(event.target.checked)} />}
        />
      )}
      <Code label="The same on the command line" text={commandOf(ask)} />
    </FormDialog>
  );
}
