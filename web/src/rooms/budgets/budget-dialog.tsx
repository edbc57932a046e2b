import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { createBudget, editBudget } from "../../api/queries/limits";
import type { Budget, BudgetDraft, Measure } from "../../api/types";
import { FormDialog } from "../../parts/ask";
import { useForm } from "../../parts/form";
import { count, roundMoney } from "../../parts/format";
import { SubjectFields, type SubjectValues, subjectProblem } from "./subjects";

interface Values extends SubjectValues {
  name: string;
  measure: Measure;
  window: "hour" | "day" | "month";
  limit: string;
  warn_at_percent: string;
  enabled: boolean;
}

const start: Values = {
  name: "",
  subject_kind: "org",
  subject_id: "",
  measure: "money",
  window: "day",
  limit: "",
  warn_at_percent: "80",
  enabled: true,
};

function valuesOf(budget: Budget): Values {
  return {
    name: budget.name,
    subject_kind: budget.subject.kind,
    subject_id: budget.subject.id ?? "",
    measure: budget.measure,
    window: budget.window,
    limit: String(budget.measure === "money" ? budget.limit / 1_000_000 : budget.limit),
    warn_at_percent: String(budget.warn_at_percent),
    enabled: budget.enabled,
  };
}

const limitOf = (values: Values) =>
  values.measure === "money" ? Math.round(Number(values.limit) * 1_000_000) : Number(values.limit);

function limitProblem(values: Values): string | undefined {
  const value = Number(values.limit);
  if (values.limit.trim() === "" || Number.isNaN(value) || value <= 0) return "Enter an amount above zero";
  return values.measure === "money" || Number.isInteger(value) ? undefined : "Enter a whole number";
}

function consequence(values: Values, budget: Budget | undefined): string | null {
  if (limitProblem(values)) return null;
  const limit = limitOf(values);
  const words = values.measure === "money" ? roundMoney(limit) : `${count(limit)} ${values.measure}`;
  const until = `Calls that would go beyond ${words} in one ${values.window} are refused until it resets.`;
  if (!budget || limit > budget.used + budget.reserved) return until;
  return `${until} More than that is used already: saving stops calls at once.`;
}

export function BudgetDialog({ budget, onClose }: { budget?: Budget; onClose: () => void }) {
  const form = useForm(budget ? valuesOf(budget) : start, (values) => ({
    name: values.name.trim() ? undefined : "Give it a name",
    subject_id: subjectProblem(values),
    limit: limitProblem(values),
    warn_at_percent: /^([1-9]\d?|100)$/.test(values.warn_at_percent) ? undefined : "A whole number from 1 to 100",
  }));
  const create = useMutation({ ...createBudget, onSuccess: onClose, onError: form.takeRefusal });
  const edit = useMutation({ ...editBudget, onSuccess: onClose, onError: form.takeRefusal });
  const { values } = form;
  const save = () => {
    const shared = {
      name: values.name.trim(),
      limit: limitOf(values),
      warn_at_percent: Number(values.warn_at_percent),
      enabled: values.enabled,
    };
    if (budget) return edit.mutate({ id: budget.id, ...shared });
    const draft: BudgetDraft = {
      ...shared,
      subject_kind: values.subject_kind as BudgetDraft["subject_kind"],
      measure: values.measure,
      window: values.window,
    };
    create.mutate(values.subject_id ? { ...draft, subject_id: values.subject_id } : draft);
  };
  return (
    <FormDialog
      title={budget ? `Edit the budget ${budget.name}` : "Create a budget"}
      verb={budget ? "Save" : "Create budget"}
      busy={create.isPending || edit.isPending}
      error={create.error ?? edit.error}
      onClose={onClose}
      onSubmit={() => form.attempt(save)}
    >
      <TextField label="Name" autoFocus margin="dense" {...form.text("name")} />
      <div className="form-grid">
        {!budget && <SubjectFields form={form} kinds={["org", "scope", "principal"]} />}
        {!budget && (
          <>
            <TextField select label="Counts" {...form.text("measure")}>
              <MenuItem value="money">money</MenuItem>
              <MenuItem value="tokens">tokens</MenuItem>
              <MenuItem value="calls">calls</MenuItem>
            </TextField>
            <TextField select label="Starts afresh each" {...form.text("window")}>
              <MenuItem value="hour">hour</MenuItem>
              <MenuItem value="day">day</MenuItem>
              <MenuItem value="month">month</MenuItem>
            </TextField>
          </>
        )}
        <TextField
          label={values.measure === "money" ? "Limit in $" : `Limit in ${values.measure}`}
          {...form.text("limit")}
        />
        <TextField label="Warn at, percent" {...form.text("warn_at_percent")} />
      </div>
      <FormControlLabel
        label="In force"
        control={<Checkbox checked={values.enabled} onChange={(event) => form.set("enabled", event.target.checked)} />}
      />
      {consequence(values, budget) && <p className="notice">{consequence(values, budget)}</p>}
    </FormDialog>
  );
}
