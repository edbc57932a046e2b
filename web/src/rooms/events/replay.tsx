import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { consumerList, type Replay, type ReplayAsk, replayEvents } from "../../api/queries/events";
import { FormDialog } from "../../parts/ask";
import { Code } from "../../parts/copy";
import { type Problems, useForm } from "../../parts/form";
import { counted } from "../../parts/format";
import { say } from "../../parts/toasts";

export interface ReplayAbout {
  consumer?: string | undefined;
  kind?: string | undefined;
  subject?: string | undefined;
  since?: string | undefined;
  until?: string | undefined;
}
interface Values {
  consumer: string;
  kinds: string;
  subject: string;
  since: string;
  until: string;
}

/** What a field for local time takes, from a time of the API. */
export function localOf(at: string | undefined): string {
  if (!at) return "";
  const time = new Date(at);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function check(values: Values): Problems<Values> {
  return {
    consumer: values.consumer ? undefined : "Choose who gets them again",
    until:
      values.since && values.until && values.until <= values.since ? "The end must come after the start" : undefined,
  };
}

function askOf(values: Values): Omit<ReplayAsk, "dry_run"> {
  const kinds = values.kinds.split(/[\s,]+/).filter(Boolean);
  return {
    consumer: values.consumer,
    ...(kinds.length > 0 && { kinds }),
    ...(values.subject.trim() && { subject: values.subject.trim() }),
    ...(values.since && { since: new Date(values.since).toISOString() }),
    ...(values.until && { until: new Date(values.until).toISOString() }),
  };
}

export function commandOf(ask: Omit<ReplayAsk, "dry_run">): string {
  return [
    `portico events replay --consumer ${ask.consumer || "NAME"}`,
    ...(ask.kinds ?? []).map((kind) => `--kind '${kind}'`),
    ...(ask.subject ? [`--subject ${ask.subject}`] : []),
    ...(ask.since ? [`--since ${ask.since}`] : []),
    ...(ask.until ? [`--until ${ask.until}`] : []),
    "--dry-run",
  ].join(" ");
}

function Found({ found }: { found: Replay }) {
  if (found.events === 0) return <p className="notice">No event fits. Nothing would be replayed.</p>;
  return (
    <div className="notice warn stack tight">
      <strong>This would hit {counted(found.events, "event")}:</strong>
      <ul>
        {found.hits.map((hit) => (
          <li key={hit.consumer}>
            {hit.consumer} gets {counted(hit.events, "event")} once more
          </li>
        ))}
      </ul>
    </div>
  );
}

/** First it is said who would be hit; only then is there a button that does it. */
export function ReplayDialog({ about, onClose }: { about: ReplayAbout; onClose: () => void }) {
  const consumers = useQuery(consumerList).data ?? [];
  const form = useForm<Values>(
    {
      consumer: about.consumer ?? "",
      kinds: about.kind ?? "",
      subject: about.subject ?? "",
      since: localOf(about.since),
      until: localOf(about.until),
    },
    check,
  );
  const ask = askOf(form.values);
  const asked = JSON.stringify(ask);
  const [found, setFound] = useState<{ for: string; replay: Replay } | null>(null);
  const [agreed, setAgreed] = useState(false);
  const current = found?.for === asked ? found.replay : null;
  const replay = useMutation({
    ...replayEvents,
    onSuccess: (answer) => {
      if (answer.dry_run) {
        setAgreed(false);
        return setFound({ for: asked, replay: answer });
      }
      say(`${counted(answer.replayed, "event")} will be handed to ${ask.consumer} once more.`);
      onClose();
    },
    onError: form.takeRefusal,
  });
  const names = [...new Set([...consumers.map((it) => it.name), ...(about.consumer ? [about.consumer] : [])])];
  return (
    <FormDialog
      title="Replay events"
      verb={current && current.events > 0 ? `Replay ${counted(current.events, "event")}` : "See who would be hit"}
      busy={replay.isPending}
      ready={!current || current.events === 0 || agreed}
      error={replay.error}
      onClose={onClose}
      onSubmit={() =>
        form.attempt(() => replay.mutate({ ...ask, dry_run: !(current && current.events > 0 && agreed) }))
      }
    >
      <p>A consumer gets events of the past once more, as if they had just happened. The log itself stays as it is.</p>
      <TextField select label="Who gets them" {...form.text("consumer")}>
        {names.map((name) => (
          <MenuItem key={name} value={name}>
            {name}
          </MenuItem>
        ))}
      </TextField>
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
      <div role="status" className="stack tight">
        {current && <Found found={current} />}
      </div>
      {current && current.events > 0 && (
        <FormControlLabel
          label={`Yes, hand them to ${ask.consumer} again`}
          control={<Checkbox checked={agreed} onChange={(event) => setAgreed(event.target.checked)} />}
        />
      )}
      <Code label="The same on the command line" text={commandOf(ask)} />
    </FormDialog>
  );
}
