import Button from "@mui/material/Button";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { chooseModel } from "../../api/queries/models";
import type { ModelChoice, ModelPrefer, ModelRouteDraft } from "../../api/types";
import { count, money } from "../../parts/format";
import { Card } from "../../parts/page";
import { Trouble } from "../../parts/trouble";
import { preferences } from "./words";

function Outcome({ of }: { of: ModelChoice }) {
  return (
    <section className="stack tight" aria-label="What would happen">
      <div>
        {of.model ? (
          <>
            It goes to <strong className="mono">{of.model}</strong>
          </>
        ) : (
          <strong className="bad">It is refused</strong>
        )}
        : {of.why}.
      </div>
      {of.chosen.length > 0 && (
        <ol className="steps">
          {of.chosen.map((model) => (
            <li key={model.model}>
              <span className="mono">{model.model}</span> of {model.service}{" "}
              <span className="dim">
                · at most about {money(model.expected_cost_microusd)} · about {count(model.expected_ms)} ms
              </span>
            </li>
          ))}
        </ol>
      )}
      {of.steps.map((step) => (
        <div key={step.rule} className="dim">
          {step.rule}: {step.why}
          {step.passed.map((passed) => (
            <div key={passed.model}>
              not <span className="mono">{passed.model}</span>, because {passed.why}
            </div>
          ))}
        </div>
      ))}
    </section>
  );
}

/** Tries the rules as they stand in the form, saved or not. */
export function DryRun({
  routeId,
  rules,
  prefer,
}: {
  routeId: string;
  rules: ModelRouteDraft["rules"];
  prefer: ModelPrefer;
}) {
  const [values, setValues] = useState({ task: "", tokens: "500", output: "", prefer: "" });
  const choose = useMutation(chooseModel(routeId));
  const set = (name: keyof typeof values) => (event: { target: { value: string } }) =>
    setValues((before) => ({ ...before, [name]: event.target.value }));
  const number = (value: string) => (/^\d+$/.test(value) ? Number(value) : null);
  return (
    <Card title="Dry run">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          choose.mutate({
            task: values.task.trim(),
            tokens_in: number(values.tokens),
            output_max: number(values.output),
            prefer: (values.prefer || null) as ModelPrefer | null,
            draft: { rules, prefer },
          });
        }}
      >
        <p className="dim">Which model a request would go to by the rules as they stand here. Nothing is called.</p>
        <TextField label="Task" value={values.task} onChange={set("task")} />
        <TextField label="Tokens in the request" value={values.tokens} onChange={set("tokens")} />
        <TextField label="Most tokens out" value={values.output} onChange={set("output")} />
        <TextField select label="The caller prefers" value={values.prefer} onChange={set("prefer")}>
          <MenuItem value="">nothing</MenuItem>
          {preferences.map((it) => (
            <MenuItem key={it.value} value={it.value}>
              {it.name}
            </MenuItem>
          ))}
        </TextField>
        <div>
          <Button type="submit" disabled={choose.isPending}>
            Try the rules
          </Button>
        </div>
        {choose.error && <Trouble error={choose.error} />}
        {choose.data && <Outcome of={choose.data} />}
      </form>
    </Card>
  );
}
