import Button from "@mui/material/Button";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { allPolicies, createPolicy, deletePolicy, editPolicy, policyDetail } from "../../api/queries/policies";
import { useMay } from "../../api/session";
import type { Policy, PolicyDetail } from "../../api/types";
import { Ask } from "../../parts/ask";
import { Code } from "../../parts/copy";
import { useForm } from "../../parts/form";
import { pretty } from "../../parts/json-field";
import { Card, Facts, PageHead } from "../../parts/page";
import { type Column, Table } from "../../parts/table";
import { say } from "../../parts/toasts";
import { Loaded, Trouble } from "../../parts/trouble";
import { Ago, Pill } from "../../parts/words";
import { blank, changesOf, check, commandOf, draftOf, lastPosition, valuesOf } from "./draft";
import { type Checked, Examples, type Form, Names, PolicyFields, useChecked } from "./fields";
import { Simulator } from "./simulator";
import { EffectPill } from "./words";

function Send({ busy, verb, form, checked, ready = true }: SendProps) {
  const wrong = (form.tried && !form.valid) || checked.problem !== null;
  return (
    <div className="row">
      <Button type="submit" variant="contained" disabled={busy || !ready}>
        {busy ? "Working…" : verb}
      </Button>
      {wrong && <span className="bad">Something is missing or wrong above.</span>}
      <span className="dim">It holds in the gateways within a second.</span>
    </div>
  );
}

interface SendProps {
  busy: boolean;
  verb: string;
  form: Form;
  checked: Checked;
  ready?: boolean;
}

/** The simulator beside the form asks with what stands there, saved or not. */
function Trial({ form, checked, replaces }: { form: Form; checked: Checked; replaces?: string }) {
  const usable = form.valid && checked.judged && checked.problem === null;
  return (
    <Card title="Try it before you save it">
      <Simulator
        draft={usable ? draftOf(form.values) : undefined}
        replaces={replaces}
        hold={usable ? undefined : "Write a policy that can be evaluated first."}
      />
    </Card>
  );
}

function Side({ form }: { form: Form }) {
  return (
    <div className="stack">
      <Names />
      <Examples form={form} />
      <Card title="The same on the command line">
        <Code label="Command" text={commandOf(draftOf(form.values))} />
      </Card>
    </div>
  );
}

function New({ position }: { position: number }) {
  const navigate = useNavigate();
  const form = useForm({ ...blank, position: String(position) }, check);
  const checked = useChecked(form.values.expression);
  const create = useMutation({
    ...createPolicy,
    onSuccess: (made) => {
      say(`${made.name} is in force.`);
      navigate(`/policies/${made.id}`);
    },
    onError: form.takeRefusal,
  });
  return (
    <div className="main-side">
      <div className="stack">
        <form
          noValidate
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            if (!create.isPending && checked.problem === null) form.attempt(() => create.mutate(draftOf(form.values)));
          }}
        >
          <PolicyFields form={form} checked={checked} />
          {create.error && <Trouble error={create.error} />}
          <Send busy={create.isPending} verb="Save policy" form={form} checked={checked} />
        </form>
        <Trial form={form} checked={checked} />
      </div>
      <Side form={form} />
    </div>
  );
}

export function NewPolicy() {
  const query = useQuery(allPolicies);
  return (
    <>
      <PageHead title="Write a policy" tab="Write a policy" back={{ to: "/policies", name: "Policies" }} />
      <Loaded query={query} what="The policies">
        {(policies) => <New position={lastPosition(policies)} />}
      </Loaded>
    </>
  );
}

type Version = PolicyDetail["versions"][number];
const versionColumns: Column<Version>[] = [
  { name: "Version", right: true, cell: (it) => it.version },
  { name: "Changed", nowrap: true, cell: (it) => <Ago at={it.changed_at} /> },
  {
    name: "It said",
    wide: true,
    cell: (it) => (
      <details>
        <summary className="mono break">
          {String(it.terms.effect)} · {String(it.terms.expression)}
        </summary>
        <Code label={`Version ${it.version}`} text={pretty(it.terms)} />
      </details>
    ),
  },
];

function Delete({ of, onClose }: { of: Policy; onClose: () => void }) {
  const navigate = useNavigate();
  const remove = useMutation({
    ...deletePolicy,
    onSuccess: () => {
      say(`${of.name} is deleted.`);
      navigate("/policies");
    },
  });
  return (
    <Ask
      title={`Delete the policy ${of.name}?`}
      verb="Delete policy"
      busy={remove.isPending}
      error={remove.error}
      onYes={() => remove.mutate(of.id)}
      onClose={onClose}
    >
      {of.effect === "allow"
        ? "What it covered is no longer confined to what it allowed, unless another allowing policy covers it."
        : `What it ${of.effect === "hide" ? "hid" : "denied"} may be called from now on.`}{" "}
      Its versions go with it; the audit trail keeps what it said.
    </Ask>
  );
}

/** Edits what was there when the page opened, and says so when somebody else changed it meanwhile. */
function Editor({ of }: { of: Policy }) {
  const [opened, setOpened] = useState(of);
  const before = valuesOf(opened);
  const form = useForm(before, check);
  const checked = useChecked(form.values.expression);
  const changes = form.valid ? changesOf(before, form.values) : {};
  const edit = useMutation({
    ...editPolicy,
    onSuccess: (saved) => {
      setOpened(saved);
      say(`${saved.name} is saved.`);
    },
    onError: form.takeRefusal,
  });
  return (
    <div className="main-side">
      <div className="stack">
        <form
          noValidate
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            if (!edit.isPending && checked.problem === null) form.attempt(() => edit.mutate({ id: of.id, ...changes }));
          }}
        >
          {of.version > opened.version && (
            <p className="notice warn" role="status">
              Somebody else changed this policy since you opened it. Saving replaces only the fields you changed; load
              the page again to see theirs.
            </p>
          )}
          <PolicyFields form={form} checked={checked} />
          {edit.error && <Trouble error={edit.error} />}
          <Send
            busy={edit.isPending}
            verb="Save"
            form={form}
            checked={checked}
            ready={Object.keys(changes).length > 0 || !form.valid}
          />
        </form>
        <Trial form={form} checked={checked} replaces={of.id} />
      </div>
      <Side form={form} />
    </div>
  );
}

function Read({ of }: { of: Policy }) {
  return (
    <Card title="The policy">
      <div className="stack">
        <Code label="Applies when" text={of.expression} />
        <Facts
          of={[
            ["For", of.description || "–"],
            [
              "Tools",
              <span key="tools" className="mono">
                {of.targets.join(", ") || "every tool"}
              </span>,
            ],
            ["Whom", of.subjects.join(", ") || "everybody"],
            ["Order", of.position],
          ]}
        />
      </div>
    </Card>
  );
}

function Found({ of }: { of: PolicyDetail }) {
  const { policy, versions } = of;
  const mayManage = useMay("policies.manage");
  const [asked, setAsked] = useState(false);
  const change = useMutation({
    ...editPolicy,
    onSuccess: (saved) => say(`${saved.name} is ${saved.enabled ? "in force" : "off"}.`),
    onError: (error) => say(`Could not change ${policy.name}: ${error.message}`, "bad"),
  });
  return (
    <>
      <PageHead
        title={policy.name}
        tab={policy.name}
        back={{ to: "/policies", name: "Policies" }}
        marks={
          <>
            <EffectPill effect={policy.effect} />
            {policy.enabled ? <Pill tone="ok">in force</Pill> : <Pill>off</Pill>}
            <span className="dim">version {policy.version}</span>
          </>
        }
        actions={
          mayManage && (
            <>
              <Button
                disabled={change.isPending}
                onClick={() => change.mutate({ id: policy.id, enabled: !policy.enabled })}
              >
                {policy.enabled ? "Switch off" : "Switch on"}
              </Button>
              <Button color="error" onClick={() => setAsked(true)}>
                Delete
              </Button>
            </>
          )
        }
      />
      {mayManage ? <Editor of={policy} /> : <Read of={policy} />}
      <Card title="What it said before" flush>
        <Table label="Versions" columns={versionColumns} rows={versions} rowKey={(it) => String(it.version)} />
      </Card>
      {asked && <Delete of={policy} onClose={() => setAsked(false)} />}
    </>
  );
}

export function PolicyPage() {
  const { id = "" } = useParams();
  const query = useQuery(policyDetail(id));
  return (
    <>
      {!query.data && <PageHead title="Policy" tab="Policy" back={{ to: "/policies", name: "Policies" }} />}
      <Loaded query={query} what="This policy">
        {(found) => <Found key={found.policy.id} of={found} />}
      </Loaded>
    </>
  );
}
