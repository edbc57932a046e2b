import Button from "@mui/material/Button";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { createSecret, deleteSecret, replaceSecret, secretList } from "../../api/queries/platform";
import { useMay } from "../../api/session";
import type { Secret } from "../../api/types";
import { Ask, FormDialog } from "../../parts/ask";
import { useFilters } from "../../parts/filters";
import { useForm } from "../../parts/form";
import { Card, PageHead } from "../../parts/page";
import { type Column, Table } from "../../parts/table";
import { say } from "../../parts/toasts";
import { Empty, Loaded } from "../../parts/trouble";
import { Ago } from "../../parts/words";

const hidden = { type: "password", autoComplete: "off", slotProps: { htmlInput: { spellCheck: false } } };

function Create({ onClose }: { onClose: () => void }) {
  const form = useForm({ name: "", value: "", description: "" }, (values) => ({
    name: /^[\w.-]{1,63}$/.test(values.name) ? undefined : "Letters, digits, dots and dashes, at most 63",
    value: values.value ? undefined : "Enter the value",
  }));
  const create = useMutation({
    ...createSecret,
    onSuccess: (made) => {
      say(`The secret ${made.name} is stored.`);
      onClose();
    },
    onError: form.takeRefusal,
  });
  return (
    <FormDialog
      title="Store a secret"
      verb="Store secret"
      busy={create.isPending}
      error={create.error}
      onClose={onClose}
      onSubmit={() => form.attempt(() => create.mutate(form.values))}
    >
      <TextField label="Name" autoFocus margin="dense" {...form.text("name", "How services refer to it")} />
      <TextField
        label="Value"
        {...hidden}
        {...form.text("value", "Sealed on arrival; nobody can read it back, not even you")}
      />
      <TextField label="What it is for" {...form.text("description")} />
    </FormDialog>
  );
}

function Rotate({ secret, onClose }: { secret: Secret; onClose: () => void }) {
  const form = useForm({ value: "" }, (values) => ({ value: values.value ? undefined : "Enter the new value" }));
  const replace = useMutation({
    ...replaceSecret,
    onSuccess: (now) => {
      say(`${now.name} has version ${now.version}.`);
      onClose();
    },
    onError: form.takeRefusal,
  });
  return (
    <FormDialog
      title={`Rotate ${secret.name}`}
      verb="Set new value"
      busy={replace.isPending}
      error={replace.error}
      onClose={onClose}
      onSubmit={() => form.attempt(() => replace.mutate({ name: secret.name, value: form.values.value }))}
    >
      <p>
        {secret.used_by.length > 0
          ? `The next calls to ${secret.used_by.join(", ")} carry the new value.`
          : "No service uses it yet."}
      </p>
      <TextField label="New value" autoFocus {...hidden} {...form.text("value")} />
    </FormDialog>
  );
}

function columnsFor(
  mayManage: boolean,
  onRotate: (secret: Secret) => void,
  onDelete: (secret: Secret) => void,
): Column<Secret>[] {
  const columns: Column<Secret>[] = [
    {
      name: "Name",
      cell: (secret) => (
        <>
          <span className="mono break">{secret.name}</span>
          {secret.description && <div className="dim break">{secret.description}</div>}
        </>
      ),
    },
    { name: "Value", hide: "s", cell: () => <span className="dim">sealed</span> },
    {
      name: "Used by",
      hide: "m",
      cell: (secret) =>
        secret.used_by.length === 0 ? (
          <span className="dim">nothing</span>
        ) : (
          <span className="row">
            {secret.used_by.map((name) => (
              <Link key={name} to={`/services/${name}`}>
                {name}
              </Link>
            ))}
          </span>
        ),
    },
    { name: "Version", right: true, hide: "s", cell: (secret) => <span className="mono">{secret.version}</span> },
    { name: "Changed", right: true, nowrap: true, hide: "s", cell: (secret) => <Ago at={secret.updated_at} /> },
  ];
  if (!mayManage) return columns;
  return [
    ...columns,
    {
      name: "Actions",
      silent: true,
      right: true,
      cell: (secret) => (
        <span className="row end" style={{ gap: 0 }}>
          <Button variant="text" onClick={() => onRotate(secret)}>
            Rotate<span className="hidden-text"> {secret.name}</span>
          </Button>
          <Button variant="text" color="error" onClick={() => onDelete(secret)}>
            Delete<span className="hidden-text"> {secret.name}</span>
          </Button>
        </span>
      ),
    },
  ];
}

export function Secrets() {
  const { values, set } = useFilters(["new"] as const);
  const query = useQuery(secretList);
  const mayManage = useMay("secrets.manage");
  const [rotated, setRotated] = useState<Secret | null>(null);
  const [asked, setAsked] = useState<Secret | null>(null);
  const remove = useMutation({
    ...deleteSecret,
    onSuccess: () => {
      say(`The secret ${asked?.name} is deleted.`);
      setAsked(null);
    },
  });
  const create = mayManage && (
    <Button variant="contained" onClick={() => set({ new: "1" })}>
      Store a secret
    </Button>
  );
  const columns = columnsFor(mayManage, setRotated, setAsked);
  return (
    <>
      <PageHead
        title="Secrets"
        tab="Secrets"
        line="what Portico hands to services on behalf of callers; values go in and never come out"
        actions={create}
      />
      <Card flush>
        <Loaded
          query={query}
          what="The secrets"
          skeleton={
            <Table
              label="Secrets"
              columns={columns}
              rows={undefined}
              rowKey={(secret) => secret.name}
              skeletonRows={4}
            />
          }
        >
          {(secrets) =>
            secrets.length === 0 ? (
              <Empty
                title="No secrets yet"
                command="portico secrets add openai --description 'Key of the model provider'"
                action={create}
              >
                Store the key of a model provider or of an API once, name it in a service, and no caller ever needs to
                hold it.
              </Empty>
            ) : (
              <Table label="Secrets" columns={columns} rows={secrets} rowKey={(secret) => secret.name} />
            )
          }
        </Loaded>
      </Card>
      {values.new && mayManage && <Create onClose={() => set({ new: null })} />}
      {rotated && <Rotate secret={rotated} onClose={() => setRotated(null)} />}
      {asked && (
        <Ask
          title={`Delete the secret ${asked.name}?`}
          verb="Delete secret"
          typeName={asked.name}
          busy={remove.isPending}
          error={remove.error}
          onYes={() => remove.mutate(asked.name)}
          onClose={() => setAsked(null)}
        >
          The value of <strong>{asked.name}</strong> is destroyed.{" "}
          {asked.used_by.length > 0 ? `It is still used by ${asked.used_by.join(", ")}.` : "No service uses it."}
        </Ask>
      )}
    </>
  );
}
