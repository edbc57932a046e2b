import Button from "@mui/material/Button";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { Navigate, useSearchParams } from "react-router";
import { client } from "../../api/client";
import { queryClient } from "../../api/query-client";
import { useSession } from "../../api/session";
import { useForm } from "../../parts/form";
import { Trouble } from "../../parts/trouble";
import { Logo } from "../shell/shell";

/** Only places inside this client; an address that leads elsewhere is not followed. */
export function placeToReturn(to: string | null): string {
  return to?.startsWith("/") && !to.startsWith("//") && !to.startsWith("/\\") && !to.startsWith("/sign-in") ? to : "/";
}

export function SignIn() {
  const session = useSession();
  const [params] = useSearchParams();
  const to = placeToReturn(params.get("to"));
  const form = useForm({ email: "", password: "" }, (values) => ({
    email: /^\S+@\S+$/.test(values.email) ? undefined : "Enter the email address you were invited with",
    password: values.password ? undefined : "Enter your password",
  }));
  const enter = useMutation({
    mutationFn: client.signIn,
    // Nothing that somebody else saw in this tab may show now.
    onSuccess: () => queryClient.clear(),
    onError: form.takeRefusal,
    gcTime: 0,
  });
  if (session.state === "in") return <Navigate to={session.me.org || to !== "/" ? to : "/orgs"} replace />;
  return (
    <main className="door">
      <title>Sign in · Portico</title>
      <form
        className="card stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          form.attempt(() => enter.mutate(form.values));
        }}
      >
        <h1 className="row">
          <Logo /> Sign in to Portico
        </h1>
        {session.state === "out" && session.lost && (
          <p className="notice warn" role="status">
            Your sign-in ended. Sign in again to go on where you were.
          </p>
        )}
        <TextField label="Email" type="email" autoComplete="username" autoFocus {...form.text("email")} />
        <TextField label="Password" type="password" autoComplete="current-password" {...form.text("password")} />
        {enter.error && <Trouble error={enter.error} />}
        <Button type="submit" variant="contained" disabled={enter.isPending}>
          {enter.isPending ? "Signing in…" : "Sign in"}
        </Button>
        <p className="dim">No account yet? Ask an admin of your org for an invitation.</p>
      </form>
    </main>
  );
}
