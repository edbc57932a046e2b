import Button from "@mui/material/Button";
import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { createModelRoute, deleteModelRoute, editModelRoute, modelMatrix, modelRoute } from "../../api/queries/models";
import { useMay, useMe } from "../../api/session";
import type { ModelRoute } from "../../api/types";
import { Ask } from "../../parts/ask";
import { Code } from "../../parts/copy";
import { useForm } from "../../parts/form";
import { Card, PageHead } from "../../parts/page";
import { say } from "../../parts/toasts";
import { Loaded, Trouble } from "../../parts/trouble";
import { chatPythonOf } from "../services/request";
import { blank, blankRule, check, draftOf, type RouteValues, type RuleValues, rulesOf, valuesOf } from "./draft";
import { DryRun } from "./dry-run";
import { RuleCard } from "./rule";
import { preferences } from "./words";

type Form = ReturnType<typeof useForm<RouteValues>>;

function Names({ form, made }: { form: Form; made: boolean }) {
  const { scope } = useMe();
  return (
    <Card title="The route">
      <div className="stack">
        <div className="form-grid">
          <TextField label="Name" {...form.text("name", "what clients ask for in place of a model")} />
          <TextField select label="Prefer" {...form.text("prefer")}>
            {preferences.map((it) => (
              <MenuItem key={it.value} value={it.value}>
                {it.name}
              </MenuItem>
            ))}
          </TextField>
          <TextField label="What it is for" {...form.text("description")} />
        </div>
        <div className="row">
          <FormControlLabel
            label="In force"
            control={
              <Checkbox checked={form.values.enabled} onChange={(event) => form.set("enabled", event.target.checked)} />
            }
          />
          {!made && (
            <FormControlLabel
              label={`In every scope, not in ${scope} alone`}
              control={
                <Checkbox
                  checked={form.values.everywhere}
                  onChange={(event) => form.set("everywhere", event.target.checked)}
                />
              }
            />
          )}
        </div>
      </div>
    </Card>
  );
}

function Rules({ form }: { form: Form }) {
  const models = (useQuery(modelMatrix).data ?? []).map((model) => model.name);
  const { rules } = form.values;
  const put = (next: RuleValues[]) => form.set("rules", next);
  const move = (place: number, by: number) => {
    const next = [...rules];
    next.splice(place + by, 0, ...next.splice(place, 1));
    put(next);
  };
  return (
    <>
      {rules.map((rule, place) => (
        <RuleCard
          key={rule.key}
          place={place}
          of={rule}
          models={models}
          tried={form.tried}
          onChange={(changes) => put(rules.map((each) => (each === rule ? { ...each, ...changes } : each)))}
          onMove={(by) => move(place, by)}
          onRemove={rules.length > 1 ? () => put(rules.filter((each) => each !== rule)) : null}
        />
      ))}
      <div>
        <Button onClick={() => put([...rules, blankRule(Math.max(...rules.map((rule) => rule.key)) + 1)])}>
          Add a rule
        </Button>
      </div>
      <p className="dim">The first rule that is for a call and has a model that can take it decides.</p>
    </>
  );
}

function Send({ busy, verb, form }: { busy: boolean; verb: string; form: Form }) {
  return (
    <div className="row">
      <Button type="submit" variant="contained" disabled={busy}>
        {busy ? "Working…" : verb}
      </Button>
      {form.tried && !form.valid && (
        <span className="bad">{form.problem("rules") ?? "Something is missing or wrong above."}</span>
      )}
    </div>
  );
}

export function NewModelRoute() {
  const navigate = useNavigate();
  const { scope } = useMe();
  const form = useForm(blank, check);
  const create = useMutation({
    ...createModelRoute,
    onSuccess: (made) => navigate(`/models/routes/${made.id}`),
    onError: form.takeRefusal,
  });
  return (
    <>
      <PageHead title="Make a route" tab="Make a route" back={{ to: "/models/routes", name: "Routes" }} />
      <form
        noValidate
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (!create.isPending) form.attempt(() => create.mutate(draftOf(form.values, scope ?? "")));
        }}
      >
        <Names form={form} made={false} />
        <Rules form={form} />
        {create.error && <Trouble error={create.error} />}
        <Send busy={create.isPending} verb="Make route" form={form} />
      </form>
    </>
  );
}

function Found({ of }: { of: ModelRoute }) {
  const navigate = useNavigate();
  const mayManage = useMay("models.manage");
  const form = useForm(valuesOf(of), check);
  const [asked, setAsked] = useState(false);
  const edit = useMutation({
    ...editModelRoute(of.id),
    onSuccess: () => say(`${form.values.name} is saved; it holds from the next call on.`),
    onError: form.takeRefusal,
  });
  const remove = useMutation({ ...deleteModelRoute(of.id), onSuccess: () => navigate("/models/routes") });
  const save = () => {
    const { scope: _, ...changes } = draftOf(form.values, "");
    edit.mutate(changes);
  };
  return (
    <>
      <PageHead
        title={<span className="mono">{of.name}</span>}
        tab={of.name}
        line={of.scope ? `in ${of.scope}` : "in every scope"}
        back={{ to: "/models/routes", name: "Routes" }}
        actions={
          mayManage && (
            <Button color="error" onClick={() => setAsked(true)}>
              Delete
            </Button>
          )
        }
      />
      <div className="main-side">
        <form
          noValidate
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            if (!edit.isPending) form.attempt(save);
          }}
        >
          <Names form={form} made />
          <Rules form={form} />
          {edit.error && <Trouble error={edit.error} />}
          {mayManage && <Send busy={edit.isPending} verb="Save" form={form} />}
        </form>
        <div className="stack">
          <DryRun routeId={of.id} rules={rulesOf(form.values)} prefer={form.values.prefer} />
          <Card title="How clients use it">
            <Code
              label="A client of the route"
              text={chatPythonOf(of.name, [{ role: "user", content: "Hello" }], location.origin)}
            />
          </Card>
        </div>
      </div>
      {asked && (
        <Ask
          title={`Delete the route ${of.name}?`}
          verb="Delete route"
          busy={remove.isPending}
          error={remove.error}
          onYes={() => remove.mutate()}
          onClose={() => setAsked(false)}
        >
          Clients that ask for <strong>{of.name}</strong> are told that there is no such model.
        </Ask>
      )}
    </>
  );
}

export function ModelRoutePage() {
  const { id = "" } = useParams();
  const query = useQuery(modelRoute(id));
  return (
    <Loaded query={query} what="The route">
      {(route) => <Found key={route.updated_at} of={route} />}
    </Loaded>
  );
}
