import Button from "@mui/material/Button";
import FormControlLabel from "@mui/material/FormControlLabel";
import Radio from "@mui/material/Radio";
import RadioGroup from "@mui/material/RadioGroup";
import { useColorScheme } from "@mui/material/styles";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { changePassword } from "../../api/queries/tenancy";
import { useMe } from "../../api/session";
import { useForm } from "../../parts/form";
import { Card, Facts } from "../../parts/page";
import { say } from "../../parts/toasts";
import { Trouble } from "../../parts/trouble";
import { newPasswordProblem } from "../sign-in/password";

function Password({ onDone }: { onDone: () => void }) {
  const form = useForm({ current_password: "", new_password: "", again: "" }, (values) => ({
    current_password: values.current_password ? undefined : "Enter your present password",
    new_password: newPasswordProblem(values.new_password),
    again: values.again === values.new_password ? undefined : "The two differ",
  }));
  const change = useMutation({
    ...changePassword,
    onSuccess: () => {
      say("Your password is changed.");
      onDone();
    },
    onError: form.takeRefusal,
  });
  const { current_password, new_password } = form.values;
  return (
    <Card title="Password">
      <form
        noValidate
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          form.attempt(() => change.mutate({ current_password, new_password }));
        }}
      >
        <TextField
          label="Present password"
          type="password"
          autoComplete="current-password"
          {...form.text("current_password")}
        />
        <TextField
          label="New password"
          type="password"
          autoComplete="new-password"
          {...form.text("new_password", "At least 12 characters")}
        />
        <TextField label="New password again" type="password" autoComplete="new-password" {...form.text("again")} />
        {change.error && <Trouble error={change.error} />}
        <div>
          <Button type="submit" variant="contained" disabled={change.isPending}>
            Change password
          </Button>
        </div>
      </form>
    </Card>
  );
}

export function Profile() {
  const me = useMe();
  const [round, setRound] = useState(0);
  return (
    <div className="halves">
      <Card title="You">
        <Facts
          of={[
            ["Name", me.person?.name ?? me.key?.name ?? ""],
            ["Email", me.person?.email ?? "none"],
            [
              "Role",
              [me.role, me.is_owner && "owner", me.person?.is_superadmin && "superadmin"].filter(Boolean).join(", ") ||
                "none",
            ],
            ["Org and scope", me.org ? `${me.org.name}, ${me.scope}` : "none"],
            ["You may", me.permissions.join(", ") || "nothing here"],
          ]}
        />
      </Card>
      {me.person && <Password key={round} onDone={() => setRound(round + 1)} />}
    </div>
  );
}

export function Appearance() {
  const { mode, setMode } = useColorScheme();
  return (
    <Card title="Theme">
      <RadioGroup
        aria-label="Theme"
        value={mode ?? "system"}
        onChange={(_, value) => setMode(value as "light" | "dark" | "system")}
      >
        <FormControlLabel value="system" control={<Radio size="small" />} label="As the system has it" />
        <FormControlLabel value="light" control={<Radio size="small" />} label="Light" />
        <FormControlLabel value="dark" control={<Radio size="small" />} label="Dark" />
      </RadioGroup>
      <p className="dim">Kept in this browser only. Motion follows the setting of your system.</p>
    </Card>
  );
}
