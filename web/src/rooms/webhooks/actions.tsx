import Button from "@mui/material/Button";
import Dialog from "@mui/material/Dialog";
import DialogActions from "@mui/material/DialogActions";
import DialogContent from "@mui/material/DialogContent";
import DialogTitle from "@mui/material/DialogTitle";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { deleteWebhook, editWebhook, rotateWebhookSecret, testWebhook } from "../../api/queries/webhooks";
import type { Webhook, WebhookTest, WebhookWithSecret } from "../../api/types";
import { Ask, FormDialog } from "../../parts/ask";
import { Code } from "../../parts/copy";
import { useForm } from "../../parts/form";
import { counted, duration } from "../../parts/format";
import { say } from "../../parts/toasts";
import { Lines, Trouble } from "../../parts/trouble";
import { Pill } from "../../parts/words";
import { changesOf, check, valuesOf } from "./draft";
import { WebhookFields } from "./fields";

interface OverProps {
  of: Webhook;
  onClose: () => void;
}

/** Edits what was there when the dialog opened, and says so when somebody else changed it meanwhile. */
export function Edit({ of, onClose }: OverProps) {
  const [opened] = useState(of);
  const before = valuesOf(opened);
  const form = useForm(before, check);
  const changes = form.valid ? changesOf(before, form.values) : {};
  const edit = useMutation({
    ...editWebhook(of.id),
    onSuccess: () => {
      say(`${of.name} is changed.`);
      onClose();
    },
    onError: form.takeRefusal,
  });
  return (
    <FormDialog
      title={`Edit ${of.name}`}
      verb="Save"
      wide
      busy={edit.isPending}
      ready={Object.keys(changes).length > 0 || !form.valid}
      error={edit.error}
      onClose={onClose}
      onSubmit={() => form.attempt(() => edit.mutate(changes))}
    >
      {of.updated_at !== opened.updated_at && (
        <p className="notice warn" role="status">
          Somebody else changed this webhook since you opened it. Saving replaces only the fields you changed; close and
          open again to see theirs.
        </p>
      )}
      <div />
      <WebhookFields form={form} />
    </FormDialog>
  );
}

export function Rotate({ of, onSecret, onClose }: OverProps & { onSecret: (made: WebhookWithSecret) => void }) {
  const form = useForm({ overlap: "86400" }, () => ({}));
  const rotate = useMutation({
    ...rotateWebhookSecret(of.id),
    onSuccess: (made) => {
      onClose();
      onSecret(made);
    },
  });
  return (
    <FormDialog
      title={`Rotate the secret of ${of.name}`}
      verb="Rotate secret"
      busy={rotate.isPending}
      error={rotate.error}
      onClose={onClose}
      onSubmit={() => rotate.mutate(Number(form.values.overlap))}
    >
      <p>
        You get a new secret, shown once. For a while every delivery carries a signature of each, so that your endpoint
        can change over without missing one.
      </p>
      <TextField select label="The old secret signs for" {...form.text("overlap")}>
        <MenuItem value="0">no longer</MenuItem>
        <MenuItem value="3600">another hour</MenuItem>
        <MenuItem value="86400">another day</MenuItem>
        <MenuItem value="604800">another week</MenuItem>
      </TextField>
    </FormDialog>
  );
}

export function Delete({ of, onClose }: OverProps) {
  const navigate = useNavigate();
  const remove = useMutation({
    ...deleteWebhook(of.id),
    onSuccess: () => {
      say(`${of.name} is deleted.`);
      navigate("/webhooks");
    },
  });
  return (
    <Ask
      title={`Delete the webhook ${of.name}?`}
      verb="Delete webhook"
      typeName={of.name}
      busy={remove.isPending}
      error={remove.error}
      onYes={() => remove.mutate()}
      onClose={onClose}
    >
      <span className="mono break">{of.url}</span> gets nothing more from here.{" "}
      {of.health.pending > 0 &&
        `${counted(of.health.pending, "waiting delivery", "waiting deliveries")} will not be sent. `}
      Its secret and the record of its deliveries go with it.
    </Ask>
  );
}

const headerLines = (headers: { name: string; value: string }[]) =>
  headers.map(({ name, value }) => `${name}: ${value}`).join("\n");

function Outcome({ test, of }: { test: WebhookTest; of: Webhook }) {
  const took = test.status !== null && test.status >= 200 && test.status < 300;
  return (
    <>
      <p className={`notice ${took ? "ok" : "bad"}`} role="status">
        {took ? `${of.name} took it` : `${of.name} did not take it`}
        {test.status !== null && `: it answered ${test.status} after ${duration(test.took_ms * 1000)}`}.
        {test.error && ` ${test.error}`}
      </p>
      {test.sample && (
        <p className="dim">No event of the kinds it gets has happened yet, so a sample was sent, marked as one.</p>
      )}
      <h3>What was sent</h3>
      <Code label="Headers sent" text={`POST ${of.url}\n${headerLines(test.request.headers)}`} />
      <Code label="Body sent" text={layOut(test.request.body)} />
      <h3>What came back</h3>
      {test.response ? <Code label="Answer" text={test.response} /> : <p className="dim">An empty answer.</p>}
    </>
  );
}

export function layOut(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Sends the last real event that fits, now, and shows both sides of it. */
export function Test({ of, onClose }: OverProps) {
  const test = useMutation(testWebhook(of.id));
  return (
    <Dialog open onClose={onClose} maxWidth="md" aria-labelledby="test-title">
      <DialogTitle id="test-title">Test {of.name}</DialogTitle>
      <DialogContent>
        <div className="stack">
          {test.isIdle && (
            <p>
              The last event that {of.name} would get is sent to <span className="mono break">{of.url}</span> once, now,
              under an id of its own and signed like every other, so your endpoint will act on it. You see the request
              and the answer.
            </p>
          )}
          {test.isPending && <Lines />}
          {test.error && <Trouble error={test.error} />}
          {test.data && !test.isPending && <Outcome test={test.data} of={of} />}
        </div>
      </DialogContent>
      <DialogActions>
        {test.data && !test.isPending && <Pill>{test.data.sample ? "sample" : "real event"}</Pill>}
        <Button onClick={onClose}>Close</Button>
        <Button variant="contained" disabled={test.isPending} onClick={() => test.mutate()}>
          {test.isPending ? "Sending…" : test.data ? "Send again" : "Send a test"}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
