import Button from "@mui/material/Button";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import type { ModelPrefer } from "../../api/types";
import { Card } from "../../parts/page";
import { type RuleValues, ruleProblem } from "./draft";
import { capabilities, preferences } from "./words";

interface Props {
  place: number;
  of: RuleValues;
  models: string[];
  tried: boolean;
  onChange: (changes: Partial<RuleValues>) => void;
  onMove: ((by: number) => void) | null;
  onRemove: (() => void) | null;
}

/** Several of a list, in the order in which they were chosen. */
function Several({
  label,
  value,
  options,
  hint,
  onChange,
}: {
  label: string;
  value: string[];
  options: readonly string[];
  hint?: string;
  onChange: (value: string[]) => void;
}) {
  const all = [...new Set([...options, ...value])];
  return (
    <TextField
      select
      label={label}
      value={value}
      helperText={hint}
      onChange={(event) => onChange(event.target.value as unknown as string[])}
      slotProps={{ select: { multiple: true, renderValue: (chosen) => (chosen as string[]).join(", ") } }}
    >
      {all.map((name) => (
        <MenuItem key={name} value={name}>
          {value.includes(name) ? `${value.indexOf(name) + 1}. ${name}` : name}
        </MenuItem>
      ))}
    </TextField>
  );
}

export function RuleCard({ place, of, models, tried, onChange, onMove, onRemove }: Props) {
  const problem = tried ? ruleProblem(of) : undefined;
  const field = (name: keyof RuleValues, label: string, hint?: string) => (
    <TextField
      label={label}
      value={String(of[name])}
      helperText={hint}
      onChange={(event) => onChange({ [name]: event.target.value })}
    />
  );
  return (
    <Card
      label={`Rule ${place + 1}`}
      title={`${place + 1}. ${of.name || "a rule"}`}
      aside={
        <>
          {onMove && place > 0 && (
            <Button variant="text" onClick={() => onMove(-1)}>
              Earlier<span className="hidden-text">: {of.name}</span>
            </Button>
          )}
          {onRemove && (
            <Button variant="text" color="error" onClick={onRemove}>
              Remove<span className="hidden-text"> the rule {of.name}</span>
            </Button>
          )}
        </>
      }
    >
      <div className="stack">
        <div className="form-grid">
          {field("name", "Name of the rule")}
          <Several
            label="Choose from"
            value={of.targets}
            options={models}
            hint="in this order, unless something else is preferred"
            onChange={(targets) => onChange({ targets })}
          />
          <Several
            label="Then fall back on"
            value={of.fallbacks}
            options={models}
            onChange={(fallbacks) => onChange({ fallbacks })}
          />
          <TextField
            select
            label="Prefer"
            value={of.prefer}
            onChange={(event) => onChange({ prefer: event.target.value as ModelPrefer | "" })}
          >
            <MenuItem value="">what the route prefers</MenuItem>
            {preferences.map((it) => (
              <MenuItem key={it.value} value={it.value}>
                {it.name}
              </MenuItem>
            ))}
          </TextField>
        </div>
        <div className="form-grid">
          {field("tasks", "Only for the tasks", "words of X-Portico-Task, e.g. code, summary")}
          {field("min_tokens", "From tokens")}
          {field("max_tokens", "Up to tokens")}
        </div>
        <div className="form-grid">
          <Several
            label="Only models that can"
            value={of.needs}
            options={capabilities}
            onChange={(needs) => onChange({ needs })}
          />
          {field("max_cost", "Call may cost at most, $")}
          {field("max_latency_ms", "First byte within, ms")}
        </div>
        {problem && <p className="bad">{problem}</p>}
      </div>
    </Card>
  );
}
