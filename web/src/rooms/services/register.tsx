import Button from "@mui/material/Button";
import { useMutation } from "@tanstack/react-query";
import { useNavigate, useSearchParams } from "react-router";
import { registerService } from "../../api/queries/services";
import { useMe } from "../../api/session";
import { Code } from "../../parts/copy";
import { useForm } from "../../parts/form";
import { Card, PageHead } from "../../parts/page";
import { say } from "../../parts/toasts";
import { Trouble } from "../../parts/trouble";
import { blank, check, commandOf, draftOf, pathMeans, pathOf, type ServiceValues } from "./draft";
import { ServiceFields } from "./fields";

/** The command while the form is being filled; a draft that cannot be read yet waits for its methods. */
function command(values: ServiceValues, scope: string, valid: boolean): string {
  return commandOf(draftOf(valid ? values : { ...values, methods: "" }, scope));
}

export function Register() {
  const navigate = useNavigate();
  const { scope } = useMe();
  const [params] = useSearchParams();
  // Rooms of one kind lead here with it; whatever else the address says is left to the form.
  const kind = params.get("kind") === "tools" ? "tools" : blank.kind;
  const form = useForm({ ...blank, kind }, (values) => check(values, true));
  const register = useMutation({
    ...registerService,
    onSuccess: (service) => {
      say(`${service.name} is registered.`);
      navigate(`/services/${service.name}`);
    },
    onError: form.takeRefusal,
  });
  return (
    <>
      <PageHead title="Register a service" tab="Register a service" back={{ to: "/services", name: "Services" }} />
      <div className="main-side">
        <Card>
          <form
            noValidate
            className="stack"
            onSubmit={(event) => {
              event.preventDefault();
              form.attempt(() => register.mutate(draftOf(form.values, scope)));
            }}
          >
            <ServiceFields form={form} isNew />
            {register.error && <Trouble error={register.error} />}
            <div className="row">
              <Button type="submit" variant="contained" disabled={register.isPending}>
                {register.isPending ? "Registering…" : "Register"}
              </Button>
              {form.tried && !form.valid && <span className="bad">Something is missing or wrong above.</span>}
            </div>
          </form>
        </Card>
        <div className="stack">
          <Card title="What will happen">
            <p className="dim">
              Callers reach it at{" "}
              <code className="break">
                {location.origin}
                {pathOf(form.values)}
              </code>
              . {pathMeans[form.values.kind]} Its health is checked at once and then regularly.
            </p>
          </Card>
          <Card title="The same on the command line">
            <Code label="Command" text={command(form.values, scope, form.valid)} />
          </Card>
        </div>
      </div>
    </>
  );
}
