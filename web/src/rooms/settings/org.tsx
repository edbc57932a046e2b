import Button from "@mui/material/Button";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { client } from "../../api/client";
import {
  createScope,
  deleteScope,
  orgDetail,
  renameOrg,
  resumeOrg,
  scopeList,
  suspendOrg,
} from "../../api/queries/tenancy";
import { useIsSuperadmin, useMay } from "../../api/session";
import type { Org, Scope } from "../../api/types";
import { Ask, FormDialog } from "../../parts/ask";
import { CopyId } from "../../parts/copy";
import { useForm } from "../../parts/form";
import { counted } from "../../parts/format";
import { Card, Facts } from "../../parts/page";
import { Table } from "../../parts/table";
import { say } from "../../parts/toasts";
import { Lines, Loaded, Trouble } from "../../parts/trouble";
import { Ago, Pill } from "../../parts/words";

const standard = ["ENTERPRISE", "DEVELOPMENT", "LOCAL-SANDBOX"];

function Rename({ org }: { org: Org }) {
  const form = useForm({ name: org.name }, (values) => ({ name: values.name.trim() ? undefined : "Give it a name" }));
  const rename = useMutation({
    ...renameOrg(org.id),
    onSuccess: async (now) => {
      say(`The org is now called ${now.name}.`);
      await client.reloadMe();
    },
    onError: form.takeRefusal,
  });
  return (
    <form
      noValidate
      className="stack tight"
      onSubmit={(event) => {
        event.preventDefault();
        form.attempt(() => rename.mutate(form.values.name.trim()));
      }}
    >
      <div className="row" style={{ alignItems: "flex-start", flexWrap: "nowrap" }}>
        <TextField label="Name of the org" {...form.text("name")} />
        <Button type="submit" sx={{ mt: "3px" }} disabled={rename.isPending || form.values.name.trim() === org.name}>
          Rename
        </Button>
      </div>
      {rename.error && <Trouble error={rename.error} />}
    </form>
  );
}

function OrgCard({ org }: { org: Org }) {
  const mayManage = useMay("orgs.manage");
  const isSuperadmin = useIsSuperadmin();
  const [asking, setAsking] = useState(false);
  const suspend = useMutation({ ...suspendOrg, onSuccess: () => setAsking(false) });
  const resume = useMutation({ ...resumeOrg, onError: (error) => say(error.message, "bad") });
  return (
    <Card
      title="Org"
      aside={
        isSuperadmin &&
        (org.status === "suspended" ? (
          <Button onClick={() => resume.mutate(org.id)}>Resume</Button>
        ) : (
          <Button color="error" onClick={() => setAsking(true)}>
            Suspend
          </Button>
        ))
      }
    >
      <div className="stack">
        <Facts
          of={[
            ["Id", <CopyId key="id" id={org.id} />],
            ["Short name", org.slug],
            [
              "State",
              <Pill key="state" tone={org.status === "active" ? "ok" : "warn"}>
                {org.status}
              </Pill>,
            ],
            ["Members", counted(org.member_count, "person", "people")],
            ["Since", <Ago key="at" at={org.created_at} />],
          ]}
        />
        {mayManage && <Rename key={org.name} org={org} />}
      </div>
      {asking && (
        <Ask
          title={`Suspend ${org.name}?`}
          verb="Suspend org"
          busy={suspend.isPending}
          error={suspend.error}
          onYes={() => suspend.mutate(org.id)}
          onClose={() => setAsking(false)}
        >
          All calls and sign-ins of <strong>{org.name}</strong> are refused until somebody resumes it.
        </Ask>
      )}
    </Card>
  );
}

function AddScope({ onClose }: { onClose: () => void }) {
  const form = useForm({ name: "", description: "" }, (values) => ({
    name: /^[A-Z][A-Z0-9-]{0,39}$/.test(values.name)
      ? undefined
      : "Capital letters, digits and dashes, such as STAGING",
  }));
  const create = useMutation({
    ...createScope,
    onSuccess: async () => {
      onClose();
      await client.reloadMe();
    },
    onError: form.takeRefusal,
  });
  return (
    <FormDialog
      title="Add a scope"
      verb="Add scope"
      busy={create.isPending}
      error={create.error}
      onClose={onClose}
      onSubmit={() => form.attempt(() => create.mutate(form.values))}
    >
      <TextField label="Name" autoFocus margin="dense" {...form.text("name")} />
      <TextField label="What it is for" {...form.text("description")} />
    </FormDialog>
  );
}

function Scopes() {
  const query = useQuery(scopeList);
  const mayManage = useMay("orgs.manage");
  const [adding, setAdding] = useState(false);
  const [asked, setAsked] = useState<Scope | null>(null);
  const remove = useMutation({
    ...deleteScope,
    onSuccess: async () => {
      setAsked(null);
      await client.reloadMe();
    },
  });
  return (
    <Card title="Scopes" flush aside={mayManage && <Button onClick={() => setAdding(true)}>Add scope</Button>}>
      <Loaded
        query={query}
        what="The scopes"
        skeleton={
          <div style={{ padding: 16 }}>
            <Lines />
          </div>
        }
      >
        {(scopes) => (
          <Table<Scope>
            label="Scopes"
            rows={scopes}
            rowKey={(scope) => scope.name}
            columns={[
              { name: "Name", cell: (scope) => <span className="strong">{scope.name}</span> },
              { name: "What it is for", cell: (scope) => <span className="dim">{scope.description}</span> },
              { name: "Since", hide: "s", right: true, nowrap: true, cell: (scope) => <Ago at={scope.created_at} /> },
              ...(mayManage
                ? [
                    {
                      name: "Actions",
                      silent: true,
                      right: true,
                      cell: (scope: Scope) =>
                        !standard.includes(scope.name) && (
                          <Button variant="text" color="error" onClick={() => setAsked(scope)}>
                            Delete<span className="hidden-text"> {scope.name}</span>
                          </Button>
                        ),
                    },
                  ]
                : []),
            ]}
          />
        )}
      </Loaded>
      {adding && <AddScope onClose={() => setAdding(false)} />}
      {asked && (
        <Ask
          title={`Delete the scope ${asked.name}?`}
          verb="Delete scope"
          typeName={asked.name}
          busy={remove.isPending}
          error={remove.error}
          onYes={() => remove.mutate(asked.name)}
          onClose={() => setAsked(null)}
        >
          The scope <strong>{asked.name}</strong> goes, and nobody can work in it any more.
        </Ask>
      )}
    </Card>
  );
}

export function OrgAndScopes({ orgId }: { orgId: string }) {
  const query = useQuery(orgDetail(orgId));
  return (
    <div className="halves">
      <Loaded
        query={query}
        what="The org"
        skeleton={
          <Card>
            <Lines />
          </Card>
        }
      >
        {(org) => <OrgCard org={org} />}
      </Loaded>
      <Scopes />
    </div>
  );
}
