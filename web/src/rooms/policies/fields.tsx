import Autocomplete from "@mui/material/Autocomplete";
import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { checkedExpression } from "../../api/queries/policies";
import type { useForm } from "../../parts/form";
import { count } from "../../parts/format";
import { Card } from "../../parts/page";
import { Trouble } from "../../parts/trouble";
import { mostCharacters, type PolicyValues } from "./draft";
import { examples } from "./examples";
import { usePrincipals } from "./principals";
import { EffectPill, effects } from "./words";

export type Form = ReturnType<typeof useForm<PolicyValues>>;
export type Checked = ReturnType<typeof useChecked>;

/** What the server says of the expression as it stands; `judged` tells whether that is about this very text. */
export function useChecked(expression: string) {
  const query = useQuery(checkedExpression(expression.trim()));
  const judged = query.data !== undefined && !query.isPlaceholderData;
  return { judged, problem: judged ? query.data.problem : null, error: query.error };
}

function Expression({ form, checked }: { form: Form; checked: Checked }) {
  const { expression } = form.values;
  const problem = form.problem("expression") ?? checked.problem ?? undefined;
  const said = expression.trim() === "" ? "" : checked.judged ? "It can be evaluated." : "Being checked…";
  const left = `${count(expression.length)} of ${count(mostCharacters)} characters`;
  return (
    <>
      <TextField
        label="Applies when"
        multiline
        minRows={3}
        maxRows={14}
        name="expression"
        value={expression}
        onChange={(event) => form.set("expression", event.target.value)}
        error={problem !== undefined}
        helperText={
          <span role="status">
            {problem ?? said} <span style={{ whiteSpace: "nowrap" }}>{left}</span>
          </span>
        }
        slotProps={{ htmlInput: { className: "mono", spellCheck: false } }}
      />
      {checked.error && <Trouble error={checked.error} what="The expression could not be checked" />}
    </>
  );
}

function Subjects({ form }: { form: Form }) {
  const known = usePrincipals();
  const { subjects } = form.values;
  const nameOf = (id: string) => known.find((it) => it.id === id)?.name ?? id;
  return (
    <Autocomplete
      multiple
      options={known.map((it) => it.id)}
      getOptionLabel={nameOf}
      value={subjects}
      onChange={(_, chosen) => form.set("subjects", chosen)}
      renderInput={(params) => (
        <TextField
          {...params}
          label="For whom"
          helperText={subjects.length === 0 ? "Empty: everybody" : "Nobody else is asked about"}
        />
      )}
    />
  );
}

export function PolicyFields({ form, checked }: { form: Form; checked: Checked }) {
  const means = effects.find((it) => it.value === form.values.effect)?.means;
  return (
    <Card title="The policy">
      <div className="stack">
        <div className="form-grid">
          <TextField label="Name" {...form.text("name", "Those who are refused read it")} />
          <TextField select label="Effect" {...form.text("effect", means)}>
            {effects.map((it) => (
              <MenuItem key={it.value} value={it.value}>
                {it.name}
              </MenuItem>
            ))}
          </TextField>
        </div>
        <Expression form={form} checked={checked} />
        <div className="form-grid">
          <TextField
            label="Tools it covers"
            multiline
            minRows={2}
            {...form.text("targets", "server/tool in each line, * for any. Empty: every tool")}
            slotProps={{ htmlInput: { className: "mono", spellCheck: false } }}
          />
          <Subjects form={form} />
        </div>
        <div className="form-grid">
          <TextField label="What it is for" {...form.text("description")} />
          <TextField label="Place in the order" {...form.text("position", "Low ones are asked first")} />
        </div>
        <FormControlLabel
          label="In force"
          control={
            <Checkbox checked={form.values.enabled} onChange={(event) => form.set("enabled", event.target.checked)} />
          }
        />
      </div>
    </Card>
  );
}

export function Examples({ form }: { form: Form }) {
  const [taken, setTaken] = useState<string | null>(null);
  return (
    <Card title="Examples">
      <ul className="stack" style={{ listStyle: "none", margin: 0, padding: 0 }}>
        {examples.map(({ says, name, effect, expression, targets }) => (
          <li key={name} className="stack tight">
            <div className="row apart">
              <span className="row" style={{ gap: 6 }}>
                <EffectPill effect={effect} />
                {says}
              </span>
              <button
                type="button"
                className="plain-button link"
                onClick={() => {
                  form.set("effect", effect);
                  form.set("expression", expression);
                  form.set("targets", targets.replaceAll(" ", "\n"));
                  if (form.values.name === "" || form.values.name === taken) form.set("name", name);
                  setTaken(name);
                }}
              >
                Use it<span className="hidden-text">: {says}</span>
              </button>
            </div>
            <div className="mono dim break">{expression}</div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

const seen: [string, string][] = [
  ["principal", "id, name, kind (key or person), scope, permissions"],
  ["server", "name, tags"],
  ["tool", "name, pin, annotations of the approved definition"],
  ["args", "the arguments of the call; ask has(args.path) before you use one"],
  ["request", "era of the protocol, address of the client"],
];

export function Names() {
  return (
    <Card title="What an expression sees">
      <dl className="facts">
        {seen.map(([name, holds]) => (
          <div key={name} style={{ display: "contents" }}>
            <dt className="mono">{name}</dt>
            <dd>{holds}</dd>
          </div>
        ))}
      </dl>
      <p className="dim" style={{ marginTop: 10 }}>
        Operators, in, has, size, contains, startsWith, endsWith, matches, conversions, and the loops all, exists,
        exists_one and filter. One that cannot be evaluated denies.
      </p>
    </Card>
  );
}
