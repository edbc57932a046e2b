import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { fieldProblem, type SchemaField } from "./schema";

interface Props {
  fields: SchemaField[];
  texts: Record<string, string>;
  tried: boolean;
  onChange: (name: string, text: string) => void;
}

/** Fields made from a JSON schema. Values are kept as text; `valuesFrom` turns them into what the schema asks for. */
export function SchemaFields({ fields, texts, tried, onChange }: Props) {
  if (fields.length === 0) return <p className="dim">It takes no parameters.</p>;
  return (
    <div className="form-grid">
      {fields.map((field) => (
        <Field
          key={field.name}
          field={field}
          text={texts[field.name] ?? ""}
          tried={tried}
          onChange={(text) => onChange(field.name, text)}
        />
      ))}
    </div>
  );
}

function Field({
  field,
  text,
  tried,
  onChange,
}: {
  field: SchemaField;
  text: string;
  tried: boolean;
  onChange: (text: string) => void;
}) {
  const problem = fieldProblem(field, text);
  const shown = problem && (tried || text !== "") ? problem : undefined;
  if (field.kind === "boolean") {
    return (
      <FormControlLabel
        label={field.name}
        control={
          <Checkbox checked={text === "true"} onChange={(event) => onChange(event.target.checked ? "true" : "")} />
        }
      />
    );
  }
  const shared = {
    label: field.name,
    value: text,
    required: field.required,
    error: shown !== undefined,
    helperText: shown ?? field.description,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
  };
  if (field.choices) {
    return (
      <TextField select {...shared}>
        {!field.required && <MenuItem value="">not set</MenuItem>}
        {field.choices.map((choice) => (
          <MenuItem key={choice} value={choice}>
            {choice}
          </MenuItem>
        ))}
      </TextField>
    );
  }
  if (field.kind === "json")
    return (
      <TextField {...shared} multiline minRows={2} className="all" slotProps={{ htmlInput: { className: "mono" } }} />
    );
  return (
    <TextField {...shared} slotProps={{ htmlInput: { inputMode: field.kind === "string" ? "text" : "decimal" } }} />
  );
}
