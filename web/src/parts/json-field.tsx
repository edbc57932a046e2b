import Button from "@mui/material/Button";
import TextField from "@mui/material/TextField";

export type JsonObject = Record<string, unknown>;

/** What the text says as JSON, or why it says nothing yet. */
export function readObject(text: string): { value: JsonObject; problem?: undefined } | { problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return { problem: `Not JSON yet: ${cause instanceof Error ? cause.message : "it cannot be read"}` };
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { value: value as JsonObject };
  return { problem: "It must be an object: { … }" };
}

export const pretty = (value: unknown) => JSON.stringify(value, null, 2);

interface Props {
  label: string;
  text: string;
  hint?: string;
  onChange: (text: string) => void;
}

/** A JSON object as text, judged while typing. */
export function JsonField({ label, text, hint, onChange }: Props) {
  const read = readObject(text);
  return (
    <div className="stack tight">
      <TextField
        label={label}
        value={text}
        onChange={(event) => onChange(event.target.value)}
        error={read.problem !== undefined}
        helperText={read.problem ?? hint ?? "Valid JSON"}
        multiline
        minRows={6}
        maxRows={20}
        margin="dense"
        slotProps={{ htmlInput: { className: "mono", spellCheck: false, style: { padding: "8px 10px" } } }}
      />
      {read.problem === undefined && pretty(read.value) !== text && (
        <div>
          <Button variant="text" onClick={() => onChange(pretty(read.value))}>
            Lay it out
          </Button>
        </div>
      )}
    </div>
  );
}
