import Button from "@mui/material/Button";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useParams } from "react-router";
import { allServices } from "../../api/queries/services";
import { pauseWebhook, resumeWebhook, webhookDetail } from "../../api/queries/webhooks";
import { useMay } from "../../api/session";
import type { Webhook, WebhookWithSecret } from "../../api/types";
import { useFilters } from "../../parts/filters";
import { count, exact, seconds } from "../../parts/format";
import { Card, PageHead } from "../../parts/page";
import { TabLinks } from "../../parts/tabs";
import { say } from "../../parts/toasts";
import { Loaded } from "../../parts/trouble";
import { Ago, Parts } from "../../parts/words";
import { Delete, Edit, Rotate, Test } from "./actions";
import { Deliveries } from "./deliveries";
import { Kinds } from "./list";
import { ReplayRange } from "./replay";
import { WebhookSecret } from "./secret";
import { Snippets } from "./snippets";
import { HealthPill } from "./words";

type Over = "edit" | "rotate" | "delete" | "test" | "replay" | null;

function Actions({ of, onOver }: { of: Webhook; onOver: (over: Over) => void }) {
  const pause = useMutation({
    ...pauseWebhook(of.id),
    onSuccess: () => say(`${of.name} is paused. What it misses can be replayed later.`),
    onError: (error) => say(`Could not pause ${of.name}: ${error.message}`, "bad"),
  });
  const resume = useMutation({
    ...resumeWebhook(of.id),
    onSuccess: () => say(`${of.name} gets events again. Replay what it missed, if it needs that.`),
    onError: (error) => say(`Could not resume ${of.name}: ${error.message}`, "bad"),
  });
  return (
    <>
      <Button variant="contained" onClick={() => onOver("test")}>
        Test…
      </Button>
      <Button onClick={() => onOver("edit")}>Edit</Button>
      {of.status === "active" ? (
        <Button onClick={() => pause.mutate()} disabled={pause.isPending}>
          Pause
        </Button>
      ) : (
        <Button onClick={() => resume.mutate()} disabled={resume.isPending}>
          Resume
        </Button>
      )}
      <Button onClick={() => onOver("replay")}>Replay…</Button>
      <Button onClick={() => onOver("rotate")}>Rotate secret</Button>
      <Button color="error" onClick={() => onOver("delete")}>
        Delete
      </Button>
    </>
  );
}

function About({ of }: { of: Webhook }) {
  const services = useQuery({ ...allServices, enabled: useMay("services.read") && of.services.length > 0 }).data ?? [];
  const nameOf = (id: string) => services.find((it) => it.id === id)?.name ?? id;
  const { health } = of;
  return (
    <div className="tiles">
      <Card label="Endpoint">
        <div className="dim">Endpoint</div>
        <div className="mono">
          <Parts of={of.url} />
        </div>
        {of.description && <div className="break">{of.description}</div>}
        <div className="dim">
          {of.headers.length > 0 && `with ${of.headers.map((it) => it.name).join(", ")} · `}
          tries after {of.ladder_s ? of.ladder_s.map((it) => seconds(it)).join(", ") : "1 s, 5 s, 30 s, 2 min, 10 min"}
        </div>
      </Card>
      <Card label="Gets">
        <div className="dim">Gets</div>
        <div className="strong">
          <Kinds of={of.kinds} />
        </div>
        <div className="dim break">
          {of.services.length > 0 ? `about ${of.services.map(nameOf).join(", ")}` : "about any service"}
        </div>
      </Card>
      <Card label="Last 24 hours">
        <div className="dim">Last 24 hours</div>
        <div className="strong">
          {count(health.delivered_24h)} delivered,{" "}
          <span className={health.failed_24h > 0 ? "bad" : undefined}>{count(health.failed_24h)} failed</span>
        </div>
        <div className="dim">
          {count(health.pending)} waiting, {count(health.dead)} dead
        </div>
        <div className="dim">
          last delivered <Ago at={health.last_success_at} never="never" />
        </div>
      </Card>
      <Card label="Secret">
        <div className="dim">Secret</div>
        <div className="mono">whsec_…{of.secret_hint.replace(/^…/, "")}</div>
        <div className="dim">
          {of.previous_secret_until
            ? `the one before signs too until ${exact(of.previous_secret_until)}`
            : "one is valid"}
        </div>
      </Card>
    </div>
  );
}

function Warnings({ of, mayManage }: { of: Webhook; mayManage: boolean }) {
  if (of.status === "disabled") {
    return (
      <p className="notice bad">
        Nothing is sent: {(of.disabled_reason ?? "this webhook was disabled").replace(/\.$/, "")}.
        {mayManage && " Mend the endpoint, test it, resume, then replay what it missed."}
      </p>
    );
  }
  if (of.status === "paused")
    return (
      <p className="notice warn">
        Nothing is sent or queued while this webhook is paused.
        {mayManage && " After it is resumed, replay what it missed."}
      </p>
    );
  const { last_error: error, last_failure_at: failure, last_success_at: success } = of.health;
  const failing = error && failure && (!success || Date.parse(failure) > Date.parse(success));
  if (!failing) return null;
  return (
    <p className="notice bad">
      The last try failed <Ago at={failure} />: {error}
    </p>
  );
}

function Found({ of }: { of: Webhook }) {
  const { values } = useFilters(["tab"] as const);
  const mayManage = useMay("webhooks.manage");
  const [over, setOver] = useState<Over>(null);
  const [shown, setShown] = useState<WebhookWithSecret | null>(null);
  const close = () => setOver(null);
  const at = values.tab === "verify" ? "verify" : "deliveries";
  return (
    <>
      <PageHead
        title={of.name}
        tab={of.name}
        back={{ to: "/webhooks", name: "Webhooks" }}
        marks={<HealthPill of={of} />}
        actions={mayManage && <Actions of={of} onOver={setOver} />}
      />
      <Warnings of={of} mayManage={mayManage} />
      <About of={of} />
      <TabLinks
        label="Views of this webhook"
        at={at}
        tabs={[
          { value: "deliveries", name: "Deliveries", to: `/webhooks/${of.id}` },
          { value: "verify", name: "How to verify", to: `/webhooks/${of.id}?tab=verify` },
        ]}
      />
      {at === "deliveries" ? (
        <Deliveries of={of} mayManage={mayManage} />
      ) : (
        <Card title="Make sure that a delivery is from here, and whole">
          <div className="stack">
            <p>
              Each delivery is signed with the secret of this webhook, over the exact bytes of its body. The same
              delivery has the same <code>webhook-id</code> on every try, so keep the ids you have used and take each
              once. Answer with any 2xx within 10 s and do slow work afterwards.
            </p>
            <Snippets />
          </div>
        </Card>
      )}
      {over === "edit" && <Edit of={of} onClose={close} />}
      {over === "rotate" && <Rotate of={of} onSecret={setShown} onClose={close} />}
      {over === "delete" && <Delete of={of} onClose={close} />}
      {over === "test" && <Test of={of} onClose={close} />}
      {over === "replay" && <ReplayRange of={of} onClose={close} />}
      {shown && <WebhookSecret made={shown} onClose={() => setShown(null)} />}
    </>
  );
}

export function WebhookPage() {
  const { id = "" } = useParams();
  const query = useQuery(webhookDetail(id));
  return (
    <>
      {!query.data && <PageHead title="Webhook" tab="Webhook" back={{ to: "/webhooks", name: "Webhooks" }} />}
      <Loaded query={query} what="This webhook">
        {(webhook) => <Found of={webhook} />}
      </Loaded>
    </>
  );
}
