import Button from "@mui/material/Button";
import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { editModel, modelMatrix, resetModel } from "../../api/queries/models";
import type { Model } from "../../api/types";
import { FormDialog } from "../../parts/ask";
import { useForm } from "../../parts/form";
import { say } from "../../parts/toasts";
import { changesOf, check, type FactValues, valuesOf } from "./facts";
import { capabilities } from "./words";

type Form = ReturnType<typeof useForm<FactValues>>;

const grades = [
  { value: "", name: "not said" },
  ...[5, 4, 3, 2, 1].map((grade) => ({ value: String(grade), name: `${grade} of 5` })),
];

function Abilities({ form }: { form: Form }) {
  const { values } = form;
  const toggle = (word: string, on: boolean) =>
    form.set("capabilities", on ? [...values.capabilities, word] : values.capabilities.filter((it) => it !== word));
  return (
    <fieldset style={{ border: 0, margin: 0, padding: 0 }}>
      <legend className="dim">What it can do; with none marked, routes trust it with everything</legend>
      <div className="checks">
        {capabilities.map((word) => (
          <FormControlLabel
            key={word}
            label={word}
            control={
              <Checkbox
                checked={values.capabilities.includes(word)}
                onChange={(event) => toggle(word, event.target.checked)}
              />
            }
          />
        ))}
      </div>
    </fieldset>
  );
}

function Prices({ form }: { form: Form }) {
  const { values } = form;
  return (
    <>
      <FormControlLabel
        label="A price of its own, in place of its service's"
        control={
          <Checkbox checked={values.own_price} onChange={(event) => form.set("own_price", event.target.checked)} />
        }
      />
      {values.own_price && (
        <div className="form-grid">
          <TextField label="$ per 1M tokens in" {...form.text("price_in")} />
          <TextField label="$ per 1M tokens out" {...form.text("price_out")} />
          <TextField label="$ per call" {...form.text("price_call")} />
        </div>
      )}
    </>
  );
}

function End({ form, others }: { form: Form; others: string[] }) {
  const date = { slotProps: { inputLabel: { shrink: true } }, type: "date" };
  return (
    <div className="form-grid">
      <TextField label="Deprecated from" {...date} {...form.text("deprecated_at")} />
      <TextField label="Retired from" {...date} {...form.text("retires_at")} />
      <TextField select label="Successor" {...form.text("successor")}>
        <MenuItem value="">none</MenuItem>
        {others.map((name) => (
          <MenuItem key={name} value={name}>
            {name}
          </MenuItem>
        ))}
      </TextField>
      <TextField select label="When retired, calls" {...form.text("when_retired")}>
        <MenuItem value="refuse">are refused, naming the successor</MenuItem>
        <MenuItem value="successor">go to the successor</MenuItem>
      </TextField>
    </div>
  );
}

export function ModelDialog({ model, onClose }: { model: Model; onClose: () => void }) {
  const before = valuesOf(model);
  const form = useForm(before, check);
  const others = (useQuery(modelMatrix).data ?? []).map((it) => it.name).filter((name) => name !== model.name);
  const edit = useMutation({ ...editModel, onSuccess: onClose, onError: form.takeRefusal });
  const reset = useMutation({
    ...resetModel,
    onSuccess: () => {
      say(`Nothing is said of ${model.name} any more.`);
      onClose();
    },
  });
  return (
    <FormDialog
      wide
      title={`What is said of ${model.name}`}
      verb="Save"
      busy={edit.isPending || reset.isPending}
      error={edit.error ?? reset.error}
      onClose={onClose}
      onSubmit={() => form.attempt(() => edit.mutate({ name: model.name, changes: changesOf(before, form.values) }))}
    >
      <div className="form-grid">
        {(["quality", "speed"] as const).map((name) => (
          <TextField key={name} select label={name === "quality" ? "Quality" : "Speed"} {...form.text(name)}>
            {grades.map((grade) => (
              <MenuItem key={grade.value} value={grade.value}>
                {grade.name}
              </MenuItem>
            ))}
          </TextField>
        ))}
        <TextField label="Context, tokens" {...form.text("context_tokens")} />
        <TextField label="Most output, tokens" {...form.text("max_output_tokens")} />
        <TextField label="Family" {...form.text("family")} />
        <TextField label="Version" {...form.text("version")} />
        <TextField label="Its service knows it as" {...form.text("sends", "when that is another name")} />
      </div>
      <Abilities form={form} />
      <Prices form={form} />
      <End form={form} others={others} />
      <TextField label="Note" multiline maxRows={4} {...form.text("note")} />
      <div>
        <Button variant="text" color="error" onClick={() => reset.mutate(model.name)} disabled={reset.isPending}>
          Take back all that is said
        </Button>
      </div>
    </FormDialog>
  );
}
