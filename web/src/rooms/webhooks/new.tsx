import Button from "@mui/material/Button";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { createWebhook } from "../../api/queries/webhooks";
import { useMe } from "../../api/session";
import type { WebhookWithSecret } from "../../api/types";
import { Code } from "../../parts/copy";
import { useForm } from "../../parts/form";
import { Card, PageHead } from "../../parts/page";
import { Trouble } from "../../parts/trouble";
import { blank, check, commandOf, draftOf } from "./draft";
import { WebhookFields } from "./fields";
import { Preview } from "./preview";
import { WebhookSecret } from "./secret";

export function NewWebhook() {
  const navigate = useNavigate();
  const { scope } = useMe();
  const form = useForm(blank, check);
  const [made, setMade] = useState<WebhookWithSecret | null>(null);
  const create = useMutation({ ...createWebhook, onSuccess: setMade, onError: form.takeRefusal });
  return (
    <>
      <PageHead
        title="Add a webhook"
        tab="Add a webhook"
        line={`for the events of ${scope}`}
        back={{ to: "/webhooks", name: "Webhooks" }}
      />
      <div className="main-side">
        <Card>
          <form
            noValidate
            className="stack"
            onSubmit={(event) => {
              event.preventDefault();
              if (!create.isPending) form.attempt(() => create.mutate(draftOf(form.values)));
            }}
          >
            <WebhookFields form={form} />
            {create.error && <Trouble error={create.error} />}
            <div className="row">
              <Button type="submit" variant="contained" disabled={create.isPending}>
                {create.isPending ? "Adding…" : "Add webhook"}
              </Button>
              {form.tried && !form.valid && <span className="bad">Something is missing or wrong above.</span>}
            </div>
          </form>
        </Card>
        <div className="stack">
          <Preview kinds={form.values.kinds} services={form.values.services} />
          <Card title="What will happen">
            <ol className="steps">
              <li>You get a secret, once. Your endpoint verifies with it that a delivery is from here.</li>
              <li>Send a test: the last real event goes out, and you see the request and the answer.</li>
              <li>From then on every event you chose is sent, in order for each thing, again until it is answered.</li>
            </ol>
          </Card>
          <Card title="The same on the command line">
            <Code label="Command" text={commandOf(draftOf(form.values))} />
          </Card>
        </div>
      </div>
      {made && <WebhookSecret made={made} onClose={() => navigate(`/webhooks/${made.webhook.id}`)} />}
    </>
  );
}
