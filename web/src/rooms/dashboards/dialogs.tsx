import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import {
  changeDashboard,
  createDashboard,
  type Dashboard,
  type DashboardDraft,
  deleteDashboard,
} from "../../api/queries/dashboards";
import { useMe } from "../../api/session";
import { Ask, FormDialog } from "../../parts/ask";
import { Code } from "../../parts/copy";
import { type Problems, useForm } from "../../parts/form";
import { counted } from "../../parts/format";
import { say } from "../../parts/toasts";
import { layouts } from "./document";
import { useMayGive } from "./sharing";

function check(values: Pick<DashboardDraft, "name" | "description">): Problems<DashboardDraft> {
  const name = values.name.trim();
  return {
    name: name === "" ? "Give it a name" : name.length > 80 ? "At most 80 characters" : undefined,
    description: values.description.length > 300 ? "At most 300 characters" : undefined,
  };
}

function SharedField({ value, onChange }: { value: string; onChange: (value: Dashboard["shared"]) => void }) {
  const me = useMe();
  return (
    <TextField
      select
      label="Who sees it"
      value={value}
      onChange={(event) => onChange(event.target.value as Dashboard["shared"])}
      helperText={
        value === "org"
          ? `Everybody in ${me.org?.name}, ${me.scope}, who may read dashboards; whoever may manage them can change it.`
          : "Nobody else sees it, not even in a list."
      }
    >
      <MenuItem value="private">only me</MenuItem>
      <MenuItem value="org">
        everyone in {me.org?.name}, {me.scope}
      </MenuItem>
    </TextField>
  );
}

const quoted = (text: string) => (/^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

function commandOf({ name, description, layout, shared }: DashboardDraft): string {
  return [
    `portico dashboards add ${quoted(name.trim() || "NAME")}`,
    ...(description.trim() ? [`--description ${quoted(description.trim())}`] : []),
    ...(layout === "grid" ? [] : [`--layout ${layout}`]),
    ...(shared === "org" ? ["--shared"] : []),
  ].join(" ");
}

const start: DashboardDraft = { name: "", description: "", layout: "grid", shared: "private" };

export function CreateDashboard({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const form = useForm(start, check);
  const { mutate, isPending, error } = useMutation({
    ...createDashboard,
    onSuccess: (made) => navigate(`/dashboards/${made.id}?arrange=1`),
    onError: form.takeRefusal,
  });
  const { values, set } = form;
  const send = () => mutate({ ...values, name: values.name.trim(), description: values.description.trim() });
  return (
    <FormDialog
      title="Create a dashboard"
      verb="Create dashboard"
      busy={isPending}
      error={error}
      onSubmit={() => form.attempt(send)}
      onClose={onClose}
    >
      <TextField label="Name" autoFocus autoComplete="off" margin="dense" {...form.text("name")} />
      <TextField label="Description" autoComplete="off" {...form.text("description", "One line; may be left out.")} />
      <div className="form-grid">
        <TextField
          select
          label="Layout"
          value={values.layout}
          onChange={(event) => set("layout", event.target.value as DashboardDraft["layout"])}
          helperText={layouts.find((it) => it.value === values.layout)?.says}
        >
          {layouts.map((it) => (
            <MenuItem key={it.value} value={it.value}>
              {it.name}
            </MenuItem>
          ))}
        </TextField>
        <SharedField value={values.shared} onChange={(shared) => set("shared", shared)} />
      </div>
      <div className="stack tight">
        <span className="dim">The same in a terminal</span>
        <Code text={commandOf(values)} label="Command" straight />
      </div>
    </FormDialog>
  );
}

export function EditDashboard({ of, onClose }: { of: Dashboard; onClose: () => void }) {
  const mayGive = useMayGive(of);
  const form = useForm({ name: of.name, description: of.description, shared: of.shared }, check);
  const { mutate, isPending, error } = useMutation({
    ...changeDashboard(of.id),
    onSuccess: onClose,
    onError: form.takeRefusal,
  });
  const { values } = form;
  const send = () =>
    mutate({
      name: values.name.trim(),
      description: values.description.trim(),
      ...(values.shared === of.shared ? {} : { shared: values.shared }),
    });
  return (
    <FormDialog
      title={`Edit ${of.name}`}
      verb="Save"
      busy={isPending}
      error={error}
      onSubmit={() => form.attempt(send)}
      onClose={onClose}
    >
      <TextField label="Name" autoFocus autoComplete="off" margin="dense" {...form.text("name")} />
      <TextField label="Description" autoComplete="off" {...form.text("description", "One line; may be left out.")} />
      {mayGive && <SharedField value={values.shared} onChange={(shared) => form.set("shared", shared)} />}
    </FormDialog>
  );
}

export function DeleteDashboard({
  of,
  onClose,
  onDone = onClose,
}: {
  of: Dashboard;
  onClose: () => void;
  onDone?: () => void;
}) {
  const { mutate, isPending, error } = useMutation({
    ...deleteDashboard(of.id),
    onSuccess: () => {
      say(`Deleted ${of.name}.`);
      onDone();
    },
  });
  return (
    <Ask
      title="Delete this dashboard?"
      verb="Delete dashboard"
      busy={isPending}
      error={error}
      onYes={() => mutate()}
      onClose={onClose}
    >
      <strong>{of.name}</strong> and its {counted(of.widget_count, "widget")} are gone for{" "}
      {of.shared === "org" ? "everyone" : "good"}; this cannot be undone. What the widgets show stays where it is.
    </Ask>
  );
}
