import Button from "@mui/material/Button";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { client } from "../../api/client";
import { queryClient } from "../../api/query-client";
import { useForm } from "../../parts/form";
import { Trouble } from "../../parts/trouble";
import { Logo } from "../shell/shell";
import { newPasswordProblem } from "./password";

export function Invite() {
  const navigate = useNavigate();
  // The token stands behind the hash so that no server on the way sees it.
  const [token] = useState(() => location.hash.slice(1));
  const form = useForm({ name: "", password: "", again: "" }, (values) => ({
    name: values.name.trim() ? undefined : "Enter the name others will see",
    password: newPasswordProblem(values.password),
    again: values.again === values.password ? undefined : "The two passwords differ",
  }));
  const accept = useMutation({
    mutationFn: client.acceptInvitation,
    onSuccess: () => {
      queryClient.clear();
      navigate("/", { replace: true });
    },
    onError: form.takeRefusal,
    gcTime: 0,
  });
  return (
    <main className="door">
      <title>Accept invitation · Portico</title>
      <form
        className="card stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          form.attempt(() => accept.mutate({ token, name: form.values.name.trim(), password: form.values.password }));
        }}
      >
        <h1 className="row">
          <Logo /> Join Portico
        </h1>
        {token ? (
          <>
            <p className="dim">
              You were invited. Choose a name and a password. If you have an account already, enter its password.
            </p>
            <TextField label="Name" autoComplete="name" autoFocus {...form.text("name")} />
            <TextField
              label="Password"
              type="password"
              autoComplete="new-password"
              {...form.text("password", "At least 12 characters")}
            />
            <TextField label="Password again" type="password" autoComplete="new-password" {...form.text("again")} />
            {accept.error && <Trouble error={accept.error} />}
            <Button type="submit" variant="contained" disabled={accept.isPending}>
              {accept.isPending ? "Joining…" : "Join"}
            </Button>
          </>
        ) : (
          <p className="notice warn">
            This address holds no invitation. Open the whole link you were sent, including the part after #.
          </p>
        )}
      </form>
    </main>
  );
}
