import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { replayWebhook, type Webhook, type WebhookReplay } from "../../api/queries/webhooks";
import { FormDialog } from "../../parts/ask";
import { useForm } from "../../parts/form";
import { counted } from "../../parts/format";
import { say } from "../../parts/toasts";
import { localOf } from "../events/replay";

interface Values {
  since: string;
  until: string;
}

const dayMs = 86_400_000;
const iso = (local: string) => new Date(local).toISOString();

/** Sends the events of a time once more: first how many, then the button that does it. */
export function ReplayRange({ of, onClose }: { of: Webhook; onClose: () => void }) {
  const form = useForm<Values>(
    { since: localOf(new Date(Date.now() - dayMs).toISOString()), until: "" },
    ({ since, until }) => ({
      since: since ? undefined : "From when on?",
      until: until && until <= since ? "The end must come after the start" : undefined,
    }),
  );
  const { since, until } = form.values;
  const asked = `${since} ${until}`;
  const [found, setFound] = useState<{ for: string; replay: WebhookReplay } | null>(null);
  const current = found?.for === asked ? found.replay : null;
  const ready = current !== null && current.events > 0;
  const replay = useMutation({
    ...replayWebhook(of.id),
    onSuccess: (answer) => {
      if (answer.dry_run) return setFound({ for: asked, replay: answer });
      say(`${counted(answer.replayed, "event")} will be sent to ${of.name} once more.`);
      onClose();
    },
    onError: form.takeRefusal,
  });
  const send = () => replay.mutate({ since: iso(since), ...(until && { until: iso(until) }), dry_run: !ready });
  return (
    <FormDialog
      title={`Replay events to ${of.name}`}
      verb={ready ? `Send ${counted(current.events, "event")}` : "See how many"}
      busy={replay.isPending}
      error={replay.error}
      onClose={onClose}
      onSubmit={() => form.attempt(send)}
    >
      <p>
        The events of this time that it gets are sent once more, oldest first. Each delivery keeps its id, so that your
        endpoint can tell what it already has.
      </p>
      <div className="form-grid" style={{ paddingTop: 6 }}>
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
      <div role="status">
        {current && (
          <p className={ready ? "notice warn" : "notice"}>
            {ready
              ? `This would send ${counted(current.events, "event")} to ${of.url}.`
              : "No event of that time fits what it gets. Nothing would be sent."}
          </p>
        )}
      </div>
    </FormDialog>
  );
}
