import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { replayWebhook } from "../../api/queries/webhooks";
import type { Webhook, WebhookReplay, WebhookReplayAsk } from "../../api/types";
import { FormDialog } from "../../parts/ask";
import { useForm } from "../../parts/form";
import { count, counted, exact } from "../../parts/format";
import { say } from "../../parts/toasts";
import { localOf } from "../events/replay-ask";

interface Values {
  which: WebhookReplayAsk["which"];
  since: string;
  until: string;
}

const dayMs = 86_400_000;
const iso = (local: string) => new Date(local).toISOString();

const choices = [
  { value: "missing", name: "what was never queued, such as while it was paused" },
  { value: "failed", name: "what it did not take" },
  { value: "all", name: "everything, also what it took" },
] as const;

function Found({ found, due, url }: { found: WebhookReplay; due: number; url: string }) {
  return (
    <div className={due > 0 ? "notice warn" : "notice"}>
      <p>
        {due > 0 ? (
          <>
            This would send <strong>{counted(due, "event")}</strong> to <span className="break">{url}</span>:{" "}
            {count(found.new)} for the first time, {count(found.again)} once more.
          </>
        ) : (
          "No event of that time fits. Nothing would be sent."
        )}
      </p>
      {found.waiting > 0 && <p>{counted(found.waiting, "delivery", "deliveries")} wait already and are left alone.</p>}
      {found.more_from && <p>It stops before {exact(found.more_from)}; replay the rest from there.</p>}
    </div>
  );
}

/** Sends the events of a time once more: first how many, then the button that does it. */
export function ReplayRange({ of, onClose }: { of: Webhook; onClose: () => void }) {
  const form = useForm<Values>(
    { which: "missing", since: localOf(new Date(Date.now() - dayMs).toISOString()), until: "" },
    ({ since, until }) => ({
      since: since ? undefined : "From when on?",
      until: until && until <= since ? "The end must come after the start" : undefined,
    }),
  );
  const { which, since, until } = form.values;
  const asked = `${which} ${since} ${until}`;
  const [found, setFound] = useState<{ for: string; replay: WebhookReplay } | null>(null);
  const current = found?.for === asked ? found.replay : null;
  const due = current ? current.new + current.again : 0;
  const replay = useMutation({
    ...replayWebhook(of.id),
    onSuccess: (answer) => {
      if (answer.dry_run) return setFound({ for: asked, replay: answer });
      say(`${counted(answer.replayed, "event")} will be sent to ${of.name}.`);
      onClose();
    },
    onError: form.takeRefusal,
  });
  const send = () =>
    replay.mutate({ which, since: iso(since), ...(until && { until: iso(until) }), dry_run: due === 0 });
  return (
    <FormDialog
      title={`Replay events to ${of.name}`}
      verb={due > 0 ? `Send ${counted(due, "event")}` : "See how many"}
      busy={replay.isPending}
      error={replay.error}
      onClose={onClose}
      onSubmit={() => form.attempt(send)}
    >
      <p>
        Events of this time that it gets are sent, oldest first. What was sent before keeps its id, so that your
        endpoint can tell what it already has.
      </p>
      <TextField select label="Which events" {...form.text("which")}>
        {choices.map(({ value, name }) => (
          <MenuItem key={value} value={value}>
            {name}
          </MenuItem>
        ))}
      </TextField>
      <div className="form-grid">
        <TextField
          label="From"
          type="datetime-local"
          slotProps={{ inputLabel: { shrink: true } }}
          {...form.text("since")}
        />
        <TextField
          label="To"
          type="datetime-local"
          slotProps={{ inputLabel: { shrink: true } }}
          {...form.text("until", "Empty: until now")}
        />
      </div>
      <div role="status">{current && <Found found={current} due={due} url={of.url} />}</div>
    </FormDialog>
  );
}
