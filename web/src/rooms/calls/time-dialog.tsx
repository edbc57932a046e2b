import TextField from "@mui/material/TextField";
import { FormDialog } from "../../parts/ask";
import { useForm } from "../../parts/form";

const iso = (local: string) => (local ? new Date(local).toISOString() : undefined);

export function TimeDialog({
  title,
  onPick,
  onClose,
}: {
  title: string;
  onPick: (from?: string, to?: string) => void;
  onClose: () => void;
}) {
  const form = useForm({ from: "", to: "" }, (values) => ({
    from: values.from || values.to ? undefined : "Give at least one of the two",
    to: values.from && values.to && values.to <= values.from ? "The end must come after the start" : undefined,
  }));
  const pick = () => onPick(iso(form.values.from), iso(form.values.to));
  return (
    <FormDialog
      title={title}
      verb="Show"
      busy={false}
      error={null}
      onClose={onClose}
      onSubmit={() => form.attempt(pick)}
    >
      <div className="form-grid" style={{ paddingTop: 6 }}>
        <TextField
          label="From"
          type="datetime-local"
          slotProps={{ inputLabel: { shrink: true } }}
          {...form.text("from")}
        />
        <TextField
          label="To"
          type="datetime-local"
          slotProps={{ inputLabel: { shrink: true } }}
          {...form.text("to", "In your own time zone")}
        />
      </div>
    </FormDialog>
  );
}
