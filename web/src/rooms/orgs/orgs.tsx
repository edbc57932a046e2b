import Button from "@mui/material/Button";
import TextField from "@mui/material/TextField";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { createOrg, deleteOrg, orgList, resumeOrg, suspendOrg } from "../../api/queries/tenancy";
import { useIsSuperadmin } from "../../api/session";
import type { Org } from "../../api/types";
import { Ask, FormDialog } from "../../parts/ask";
import { CopyId } from "../../parts/copy";
import { FilterChip, options, useFilters } from "../../parts/filters";
import { useForm } from "../../parts/form";
import { count } from "../../parts/format";
import { ShownOnce } from "../../parts/once";
import { Card, PageHead } from "../../parts/page";
import { type Column, More, Table } from "../../parts/table";
import { say } from "../../parts/toasts";
import { Empty, Trouble } from "../../parts/trouble";
import { Ago, Pill, type Tone } from "../../parts/words";
import { Lost } from "../shell/lost";

const tones: Record<Org["status"], Tone> = { active: "ok", suspended: "warn", deleted: "bad" };
const slugOf = (name: string) =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 40);

function CreateOrg({ onClose }: { onClose: () => void }) {
  const form = useForm({ name: "", slug: "", owner_email: "" }, (values) => ({
    name: values.name.trim() ? undefined : "Give it a name",
    slug: /^$|^[a-z0-9][a-z0-9-]{0,39}$/.test(values.slug) ? undefined : "Small letters, digits and dashes",
    owner_email: /^\S+@\S+\.\S+$/.test(values.owner_email) ? undefined : "Enter the address of its owner",
  }));
  const create = useMutation({
    ...createOrg,
    onSuccess: (org) => {
      say(`${org.name} is created.`);
      if (!org.invitation_token) onClose();
    },
    onError: form.takeRefusal,
  });
  if (create.data?.invitation_token) {
    return (
      <ShownOnce
        title={`The invitation for the owner of ${create.data.name}`}
        warning="This link is shown once. Send it to the owner yourself; whoever holds it becomes the owner."
        text={`${location.origin}/invite#${create.data.invitation_token}`}
        onClose={onClose}
      />
    );
  }
  const { name, slug, owner_email } = form.values;
  return (
    <FormDialog
      title="Create an org"
      verb="Create org"
      busy={create.isPending}
      error={create.error}
      onClose={onClose}
      onSubmit={() => form.attempt(() => create.mutate({ name: name.trim(), slug: slug || slugOf(name), owner_email }))}
    >
      <TextField label="Name" autoFocus margin="dense" {...form.text("name")} />
      <TextField
        label="Short name"
        placeholder={slugOf(name)}
        {...form.text("slug", slug ? undefined : `Empty: ${slugOf(name) || "made from the name"}`)}
      />
      <TextField label="Email of the owner" type="email" {...form.text("owner_email")} />
    </FormDialog>
  );
}

type Over = { kind: "suspend" | "delete"; org: Org } | null;

function columnsFor(onOver: (over: Over) => void, onResume: (org: Org) => void): Column<Org>[] {
  return [
    {
      name: "Name",
      cell: (org) => (
        <>
          <span className="strong break">{org.name}</span>
          <div className="dim break">{org.slug}</div>
        </>
      ),
    },
    { name: "State", nowrap: true, cell: (org) => <Pill tone={tones[org.status]}>{org.status}</Pill> },
    { name: "Members", right: true, hide: "s", cell: (org) => <span className="mono">{count(org.member_count)}</span> },
    { name: "Id", hide: "l", cell: (org) => <CopyId id={org.id} short /> },
    { name: "Since", hide: "m", right: true, nowrap: true, cell: (org) => <Ago at={org.created_at} /> },
    {
      name: "Actions",
      silent: true,
      right: true,
      cell: (org) =>
        org.status !== "deleted" && (
          <span className="row end" style={{ gap: 0 }}>
            {org.status === "active" ? (
              <Button variant="text" onClick={() => onOver({ kind: "suspend", org })}>
                Suspend<span className="hidden-text"> {org.name}</span>
              </Button>
            ) : (
              <Button variant="text" onClick={() => onResume(org)}>
                Resume<span className="hidden-text"> {org.name}</span>
              </Button>
            )}
            <Button variant="text" color="error" onClick={() => onOver({ kind: "delete", org })}>
              Delete<span className="hidden-text"> {org.name}</span>
            </Button>
          </span>
        ),
    },
  ];
}

function Dialogs({ over, onClose }: { over: Exclude<Over, null>; onClose: () => void }) {
  const done = (words: string) => () => {
    say(words);
    onClose();
  };
  const suspend = useMutation({ ...suspendOrg, onSuccess: done(`${over.org.name} is suspended.`) });
  const remove = useMutation({ ...deleteOrg, onSuccess: done(`${over.org.name} is deleted.`) });
  if (over.kind === "suspend") {
    return (
      <Ask
        title={`Suspend ${over.org.name}?`}
        verb="Suspend org"
        busy={suspend.isPending}
        error={suspend.error}
        onYes={() => suspend.mutate(over.org.id)}
        onClose={onClose}
      >
        All calls and sign-ins of <strong>{over.org.name}</strong> are refused until somebody resumes it.
      </Ask>
    );
  }
  return (
    <Ask
      title={`Delete ${over.org.name}?`}
      verb="Delete org"
      typeName={over.org.slug}
      busy={remove.isPending}
      error={remove.error}
      onYes={() => remove.mutate(over.org.id)}
      onClose={onClose}
    >
      The org <strong>{over.org.name}</strong> with its services, keys, secrets and members is closed for good.
    </Ask>
  );
}

export function Orgs() {
  const { values, set } = useFilters(["status", "new"] as const);
  const isSuperadmin = useIsSuperadmin();
  const query = useInfiniteQuery({ ...orgList(values.status), enabled: isSuperadmin });
  const [over, setOver] = useState<Over>(null);
  const resume = useMutation({
    ...resumeOrg,
    onSuccess: (org) => say(`${org.name} is active again.`),
    onError: (error) => say(error.message, "bad"),
  });
  const rows = query.data?.pages.flatMap((page) => page.items);
  if (!isSuperadmin) return <Lost />;
  return (
    <>
      <PageHead
        title="Orgs"
        tab="Orgs"
        line="every tenant of this installation"
        actions={
          <Button variant="contained" onClick={() => set({ new: "1" })}>
            Create an org
          </Button>
        }
      />
      <search className="filters">
        <FilterChip
          name="state"
          value={values.status}
          options={options("active", "suspended", "deleted")}
          onChange={(status) => set({ status })}
        />
      </search>
      {query.error && <Trouble error={query.error} what="The orgs" retry={() => query.refetch()} />}
      {!(query.error && !rows) && (
        <Card flush>
          {rows?.length === 0 ? (
            <Empty
              title="No org fits"
              command="portico orgs add 'New customer' --slug new-customer --owner owner@example.com"
            />
          ) : (
            <>
              <Table
                label="Orgs"
                columns={columnsFor(setOver, (org) => resume.mutate(org.id))}
                rows={rows}
                rowKey={(org) => org.id}
              />
              {rows && <More shown={rows.length} noun="org" {...query} />}
            </>
          )}
        </Card>
      )}
      {values.new && <CreateOrg onClose={() => set({ new: null })} />}
      {over && <Dialogs over={over} onClose={() => setOver(null)} />}
    </>
  );
}
