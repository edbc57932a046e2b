import Button from "@mui/material/Button";
import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import TextField from "@mui/material/TextField";
import { useQuery } from "@tanstack/react-query";
import { allServices } from "../../api/queries/services";
import { useMay } from "../../api/session";
import type { useForm } from "../../parts/form";
import { type HeaderRow, mostHeaders, type WebhookValues } from "./draft";
import { KindsPicker } from "./kinds-picker";

type Form = ReturnType<typeof useForm<WebhookValues>>;

function Services({ form }: { form: Form }) {
  const known = useQuery({ ...allServices, enabled: useMay("services.read") }).data ?? [];
  const { services } = form.values;
  if (known.length === 0 && services.length === 0) return null;
  const rows = [
    ...known.filter((it) => it.kind !== "builtin" || services.includes(it.id)).map(({ id, name }) => ({ id, name })),
    ...services.filter((id) => !known.some((it) => it.id === id)).map((id) => ({ id, name: id })),
  ];
  const toggle = (id: string, on: boolean) =>
    form.set("services", on ? [...services, id] : services.filter((it) => it !== id));
  return (
    <fieldset style={{ border: 0, margin: 0, padding: 0 }}>
      <legend className="strong">About these services</legend>
      <FormControlLabel
        label="Any service, and all that is about none"
        control={<Checkbox checked={services.length === 0} onChange={() => form.set("services", [])} />}
      />
      <div className="checks">
        {rows.map(({ id, name }) => (
          <FormControlLabel
            key={id}
            label={<span className="break">{name}</span>}
            control={
              <Checkbox checked={services.includes(id)} onChange={(event) => toggle(id, event.target.checked)} />
            }
          />
        ))}
      </div>
    </fieldset>
  );
}

function Headers({ form }: { form: Form }) {
  const { headers } = form.values;
  const put = (row: number, change: Partial<HeaderRow>) =>
    form.set(
      "headers",
      headers.map((it) => (it.row === row ? { ...it, ...change } : it)),
    );
  const add = () => {
    const row = Math.max(-1, ...headers.map((it) => it.row)) + 1;
    form.set("headers", [...headers, { row, name: "", value: "", stored: null }]);
  };
  return (
    <fieldset className="stack tight" style={{ border: 0, margin: 0, padding: 0 }}>
      <legend className="strong">Your own headers</legend>
      <p className="dim">
        Sent with every delivery, such as a token your endpoint asks for. Values are sealed on arrival.
      </p>
      {headers.map((header, index) => (
        <div key={header.row} className="header-row">
          <TextField
            label={`Header ${index + 1}`}
            value={header.name}
            disabled={header.stored !== null}
            onChange={(event) => put(header.row, { name: event.target.value })}
          />
          <TextField
            label={`Value ${index + 1}`}
            type="password"
            autoComplete="off"
            value={header.value}
            placeholder={header.stored === null ? undefined : `keeps ${header.stored}`}
            slotProps={{ inputLabel: { shrink: header.stored !== null || header.value !== "" } }}
            onChange={(event) => put(header.row, { value: event.target.value })}
          />
          <Button
            variant="text"
            color="error"
            onClick={() =>
              form.set(
                "headers",
                headers.filter((it) => it.row !== header.row),
              )
            }
          >
            Remove<span className="hidden-text"> header {header.name || index + 1}</span>
          </Button>
        </div>
      ))}
      {form.problem("headers") && <p className="bad">{form.problem("headers")}</p>}
      <div>
        <Button onClick={add} disabled={headers.length >= mostHeaders}>
          Add a header
        </Button>
      </div>
    </fieldset>
  );
}

export function WebhookFields({ form }: { form: Form }) {
  return (
    <>
      <div className="form-grid">
        <TextField label="Name" autoFocus {...form.text("name", "Such as Shop backend")} />
        <TextField label="What it is for" {...form.text("description")} />
        <TextField
          className="all"
          label="Address"
          {...form.text("url", "Portico posts to it; answer with any 2xx within 10 s")}
        />
      </div>
      <KindsPicker
        kinds={form.values.kinds}
        problem={form.problem("kinds")}
        onChange={(kinds) => form.set("kinds", kinds)}
      />
      <Services form={form} />
      <Headers form={form} />
      <TextField
        label="Seconds between tries"
        {...form.text(
          "ladder",
          "Empty: 1 s, 5 s, 30 s, 2 min, 10 min. Then the delivery is dead until you redeliver it",
        )}
      />
    </>
  );
}
