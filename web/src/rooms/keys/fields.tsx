import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import TextField from "@mui/material/TextField";
import { useQuery } from "@tanstack/react-query";
import { allServices } from "../../api/queries/services";
import { useMay, useMe } from "../../api/session";
import type { Permission } from "../../api/types";
import type { Problems, useForm } from "../../parts/form";

export interface KeyValues {
  name: string;
  permissions: Permission[];
  every_service: boolean;
  services: string[];
  rate_limit_per_minute: string;
}

export function checkKey(values: KeyValues): Problems<KeyValues> {
  return {
    name: values.name.trim() ? undefined : "Name the program that will use it",
    permissions: values.permissions.length > 0 ? undefined : "Choose at least one permission",
    services: values.every_service || values.services.length > 0 ? undefined : "Choose at least one service",
    rate_limit_per_minute: /^(|[1-9]\d{0,8})$/.test(values.rate_limit_per_minute)
      ? undefined
      : "A whole number from 1, or empty",
  };
}

const toggled = <T,>(list: T[], item: T) => (list.includes(item) ? list.filter((it) => it !== item) : [...list, item]);

export function KeyFields<T extends KeyValues>({ form }: { form: ReturnType<typeof useForm<T>> }) {
  const me = useMe();
  const services = useQuery({ ...allServices, enabled: useMay("services.read") }).data ?? [];
  const { values } = form;
  const known = [...new Set([...services.map((it) => it.name), ...values.services])];
  const set = form.set as <Name extends keyof KeyValues>(name: Name, value: KeyValues[Name]) => void;
  return (
    <>
      <TextField label="Name" autoFocus margin="dense" {...form.text("name", "Such as support-bot")} />
      <fieldset style={{ border: 0, margin: 0, padding: 0 }}>
        <legend className="strong">It may</legend>
        <div className="checks">
          {me.permissions.map((permission) => (
            <FormControlLabel
              key={permission}
              label={permission}
              control={
                <Checkbox
                  checked={values.permissions.includes(permission)}
                  onChange={() => set("permissions", toggled(values.permissions, permission))}
                />
              }
            />
          ))}
        </div>
        {form.problem("permissions") && <p className="bad">{form.problem("permissions")}</p>}
      </fieldset>
      <fieldset style={{ border: 0, margin: 0, padding: 0 }}>
        <legend className="strong">On these services</legend>
        <FormControlLabel
          label="All, also those registered later"
          control={
            <Checkbox checked={values.every_service} onChange={(event) => set("every_service", event.target.checked)} />
          }
        />
        {!values.every_service && (
          <div className="checks">
            {known.map((name) => (
              <FormControlLabel
                key={name}
                label={name}
                control={
                  <Checkbox
                    checked={values.services.includes(name)}
                    onChange={() => set("services", toggled(values.services, name))}
                  />
                }
              />
            ))}
          </div>
        )}
        {form.problem("services") && <p className="bad">{form.problem("services")}</p>}
      </fieldset>
      <TextField
        label="Most calls a minute"
        {...form.text("rate_limit_per_minute", "Empty: the default of this installation")}
      />
    </>
  );
}
