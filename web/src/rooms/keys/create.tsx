import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { createKey } from "../../api/queries/keys";
import { useMe } from "../../api/session";
import type { KeyDraft, KeyWithSecret } from "../../api/types";
import { FormDialog } from "../../parts/ask";
import { Code } from "../../parts/copy";
import { useForm } from "../../parts/form";
import { checkKey, KeyFields, type KeyValues } from "./fields";

interface NewKey extends KeyValues {
  expires_in: string;
}

const start: NewKey = {
  name: "",
  permissions: ["services.call"],
  every_service: true,
  services: [],
  rate_limit_per_minute: "",
  expires_in: "",
};
const lives = [
  { value: "", name: "never" },
  { value: "1d", name: "in a day" },
  { value: "7d", name: "in 7 days" },
  { value: "30d", name: "in 30 days" },
  { value: "90d", name: "in 90 days" },
  { value: "1y", name: "in a year" },
];

function draftOf(values: NewKey): KeyDraft {
  const draft: KeyDraft = { name: values.name.trim(), permissions: values.permissions };
  if (!values.every_service) draft.services = values.services;
  if (values.rate_limit_per_minute) draft.rate_limit_per_minute = Number(values.rate_limit_per_minute);
  if (values.expires_in) draft.expires_in = values.expires_in;
  return draft;
}

function commandOf(draft: KeyDraft): string {
  const onlyDefault = draft.permissions?.length === 1 && draft.permissions[0] === "services.call";
  return [
    `portico keys add ${/^[\w.-]+$/.test(draft.name) ? draft.name : `'${draft.name || "NAME"}'`}`,
    ...(onlyDefault ? [] : (draft.permissions ?? []).map((it) => `--permission ${it}`)),
    ...(draft.services ?? []).map((it) => `--service ${it}`),
    ...(draft.rate_limit_per_minute ? [`--per-minute ${draft.rate_limit_per_minute}`] : []),
    ...(draft.expires_in ? [`--expires-in ${draft.expires_in}`] : []),
  ].join(" ");
}

export function CreateKey({ onMade, onClose }: { onMade: (made: KeyWithSecret) => void; onClose: () => void }) {
  const { scope } = useMe();
  const form = useForm(start, (values) => checkKey(values));
  const create = useMutation({ ...createKey, onSuccess: onMade, onError: form.takeRefusal });
  return (
    <FormDialog
      title={`Create a key for ${scope}`}
      verb="Create key"
      busy={create.isPending}
      error={create.error}
      onClose={onClose}
      onSubmit={() => form.attempt(() => create.mutate(draftOf(form.values)))}
    >
      <KeyFields form={form} />
      <TextField
        select
        label="Expires"
        slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }}
        {...form.text("expires_in")}
      >
        {lives.map((life) => (
          <MenuItem key={life.name} value={life.value}>
            {life.name}
          </MenuItem>
        ))}
      </TextField>
      <Code label="The same on the command line" text={commandOf(draftOf(form.values))} />
    </FormDialog>
  );
}
