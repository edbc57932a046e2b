import Button from "@mui/material/Button";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { approveTools, deprecateTool, disableTool, enableTool, rejectTool } from "../../api/queries/tools";
import type { Tool } from "../../api/types";
import { Ask, FormDialog } from "../../parts/ask";
import { useForm } from "../../parts/form";
import { say } from "../../parts/toasts";
import { waits } from "./words";

interface OverProps {
  of: Tool;
  onClose: () => void;
}

function Disable({ of, onClose }: OverProps) {
  const disable = useMutation({
    ...disableTool,
    onSuccess: () => {
      say(`${of.name} is disabled.`);
      onClose();
    },
  });
  return (
    <Ask
      title={`Disable ${of.server}/${of.name}?`}
      verb="Disable tool"
      busy={disable.isPending}
      error={disable.error}
      onYes={() => disable.mutate(of.id)}
      onClose={onClose}
    >
      Within a second no client is offered <strong className="mono break">{of.name}</strong>, and calls of it by name
      are refused, until it is enabled again.
    </Ask>
  );
}

function Deprecate({ of, onClose }: OverProps) {
  const form = useForm({ note: of.note, sunset: "" }, (values) => ({
    sunset: values.sunset && Number.isNaN(Date.parse(values.sunset)) ? "A date, such as 2027-01-31" : undefined,
  }));
  const deprecate = useMutation({
    ...deprecateTool,
    onSuccess: () => {
      say(`${of.name} is deprecated; it goes on working.`);
      onClose();
    },
    onError: form.takeRefusal,
  });
  const send = () => {
    const { note, sunset } = form.values;
    deprecate.mutate({ id: of.id, note: note.trim(), sunset_at: sunset ? new Date(sunset).toISOString() : null });
  };
  return (
    <FormDialog
      title={`Deprecate ${of.server}/${of.name}`}
      verb="Deprecate tool"
      busy={deprecate.isPending}
      error={deprecate.error}
      onClose={onClose}
      onSubmit={() => form.attempt(send)}
    >
      <p>It goes on working and stays in the lists that clients get. Here and on the command line it is marked.</p>
      <TextField label="What to use instead" multiline minRows={2} {...form.text("note")} />
      <TextField
        label="Until"
        type="date"
        slotProps={{ inputLabel: { shrink: true } }}
        {...form.text("sunset", "Leave empty when no end is set")}
      />
    </FormDialog>
  );
}

/** All that can be decided about one tool; `pin` is the definition that is on the screen. */
export function ToolActions({ of }: { of: Tool }) {
  const [over, setOver] = useState<"disable" | "deprecate" | null>(null);
  const pin = of.seen_pin;
  const failed = (what: string) => (error: Error) => say(`Could not ${what} ${of.name}: ${error.message}`, "bad");
  const approve = useMutation({
    ...approveTools,
    onSuccess: () => say(`${of.name} is approved and offered to clients.`),
    onError: failed("approve"),
  });
  const reject = useMutation({
    ...rejectTool,
    onSuccess: () => say(`${of.name} stays held back until it changes again.`),
    onError: failed("reject"),
  });
  const enable = useMutation({
    ...enableTool,
    onSuccess: () => say(`${of.name} is ${of.disabled ? "enabled" : "no longer deprecated"}.`),
    onError: failed("enable"),
  });
  const undecided = waits(of) || of.state === "rejected";
  return (
    <>
      {undecided && (
        <Button variant="contained" disabled={approve.isPending} onClick={() => approve.mutate([{ id: of.id, pin }])}>
          Approve
        </Button>
      )}
      {waits(of) && (
        <Button disabled={reject.isPending} onClick={() => reject.mutate({ id: of.id, pin })}>
          Reject
        </Button>
      )}
      {(of.disabled || of.deprecated_at) && (
        <Button disabled={enable.isPending} onClick={() => enable.mutate(of.id)}>
          {of.disabled ? "Enable" : "No longer deprecated"}
        </Button>
      )}
      {!of.deprecated_at && of.state === "approved" && <Button onClick={() => setOver("deprecate")}>Deprecate…</Button>}
      {!of.disabled && of.state !== "gone" && (
        <Button color="error" onClick={() => setOver("disable")}>
          Disable…
        </Button>
      )}
      {over === "disable" && <Disable of={of} onClose={() => setOver(null)} />}
      {over === "deprecate" && <Deprecate of={of} onClose={() => setOver(null)} />}
    </>
  );
}
