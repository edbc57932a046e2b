import Button from "@mui/material/Button";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { liveCalls, recentCalls } from "../../api/queries/calls";
import { checkService, deleteService, resetBreaker, serviceDetail } from "../../api/queries/services";
import { queryClient } from "../../api/query-client";
import { useMay } from "../../api/session";
import type { Service } from "../../api/types";
import { useHold } from "../../live/hold";
import { Ask } from "../../parts/ask";
import { Code, CopyId } from "../../parts/copy";
import { roundMoney, seconds } from "../../parts/format";
import { Card, Facts, PageHead } from "../../parts/page";
import { say } from "../../parts/toasts";
import { Empty, Lines, Loaded } from "../../parts/trouble";
import { StatusPill } from "../../parts/verdict";
import { Ago, Tag } from "../../parts/words";
import { CallTable } from "../calls/call-table";
import { mergeCalls } from "../calls/merge";
import { Chat } from "./chat";
import { Edit } from "./edit";
import { Methods } from "./methods";
import { TryHttp } from "./try-http";
import { Versions } from "./versions";

function priceWords(price: Service["price"]): string {
  if (!price) return "no price set";
  const parts = [
    price.input_microusd_per_mtok > 0 && `${roundMoney(price.input_microusd_per_mtok)} per million tokens in`,
    price.output_microusd_per_mtok > 0 && `${roundMoney(price.output_microusd_per_mtok)} per million tokens out`,
    price.call_microusd > 0 && `${roundMoney(price.call_microusd)} a call`,
  ];
  return parts.filter(Boolean).join(", ") || "no price set";
}

const words = (list: string[]) =>
  list.length === 0 ? (
    <span className="dim">none</span>
  ) : (
    <span className="row" style={{ gap: 4 }}>
      {list.map((word) => (
        <Tag key={word}>{word}</Tag>
      ))}
    </span>
  );

function Try({ service }: { service: Service }) {
  if (service.kind === "tools")
    return (
      <Card title="Connect a client">
        <p className="dim">Point any MCP client at this address, with a key as its bearer token.</p>
        <Code label="Address" text={service.endpoint_url} />
      </Card>
    );
  if (service.kind === "agent")
    return (
      <Card title="Talk to it">
        <p>
          Its card, its tasks and a place to try it are in the room of agents:{" "}
          <Link to={`/agents/${encodeURIComponent(service.name)}`}>{service.name}</Link>
        </p>
      </Card>
    );
  return service.models.length > 0 ? (
    <Chat key={service.name} service={service} />
  ) : (
    <TryHttp key={service.name} service={service} />
  );
}

function FactsCard({ service }: { service: Service }) {
  return (
    <Card title="Facts">
      <Facts
        of={[
          ["Address", <CopyId key="url" id={service.endpoint_url} />],
          ["Id", <CopyId key="id" id={service.id} />],
          ...(service.models.length > 0 ? ([["Models", words(service.models)]] as [string, React.ReactNode][]) : []),
          ["Price", priceWords(service.price)],
          ["Visible to", service.visibility === "org" ? "everybody in the org" : "those with a grant"],
          ["Scope", service.scope ?? "all scopes"],
          ["Owner", service.owner.name],
          ["Layer", service.layer ?? "none"],
          ["Tags", words(service.tags)],
          ["Capabilities", words(service.capabilities)],
          ["Longest time", service.timeout_s === null ? "default" : seconds(service.timeout_s)],
          ["Retries", String(service.max_retries)],
          ["Keeps answers", service.cache_ttl_s > 0 ? seconds(service.cache_ttl_s) : "never"],
          ["Health path", service.health_path ?? "none"],
          ["Secret", service.credential ? `${service.credential.secret_name} as ${service.credential.header}` : "none"],
          ["Registered", <Ago key="created" at={service.created_at} />],
          ["Changed", <Ago key="updated" at={service.updated_at} />],
        ]}
      />
    </Card>
  );
}

function RecentCalls({ name }: { name: string }) {
  const query = useQuery(recentCalls({ service: name }, 10));
  const tail = useQuery(liveCalls).data?.items ?? [];
  const rows = mergeCalls(tail, query.data ?? [], { service: name });
  const hold = useHold(rows, name);
  return (
    <Card title="Recent calls" aside={<Link to={`/calls?service=${encodeURIComponent(name)}`}>All its calls</Link>}>
      <Loaded query={query} what="The calls" skeleton={<CallTable label="Recent calls" calls={undefined} />}>
        {() =>
          rows.length === 0 ? (
            <Empty title="Nobody called it yet">Try it above, or point a client at its address.</Empty>
          ) : (
            <div {...hold.holders}>
              <CallTable label="Recent calls" calls={hold.rows.slice(0, 10)} />
            </div>
          )
        }
      </Loaded>
    </Card>
  );
}

function Delete({ service, onClose }: { service: Service; onClose: () => void }) {
  const navigate = useNavigate();
  const remove = useMutation({
    ...deleteService(service.name),
    onSuccess: () => {
      navigate("/services");
      queryClient.removeQueries({ queryKey: ["services", "detail", service.name] });
      say(`${service.name} is deleted.`);
      void queryClient.invalidateQueries({ queryKey: ["services"] });
    },
  });
  return (
    <Ask
      title={`Delete ${service.name}?`}
      verb="Delete service"
      typeName={service.name}
      busy={remove.isPending}
      error={remove.error}
      onYes={() => remove.mutate()}
      onClose={onClose}
    >
      The service <strong>{service.name}</strong> with its versions and endpoints is removed from the hub, and calls to
      it are refused from then on. The record of past calls stays.
    </Ask>
  );
}

function Actions({ service, onEdit, onDelete }: { service: Service; onEdit: () => void; onDelete: () => void }) {
  const check = useMutation({
    ...checkService(service.name),
    onSuccess: (now) => say(`${now.name} is ${now.status}.`, now.status === "unhealthy" ? "bad" : "ok"),
    onError: (error) => say(`The check failed: ${error.message}`, "bad"),
  });
  const reset = useMutation({
    ...resetBreaker(service.name),
    onSuccess: () => say(`The breakers of ${service.name} are closed.`),
    onError: (error) => say(`The breaker stays: ${error.message}`, "bad"),
  });
  const tripped = service.versions.some((it) =>
    it.endpoints.some((endpoint) => endpoint.breaker && endpoint.breaker.state !== "closed"),
  );
  return (
    <>
      {tripped && (
        <Button onClick={() => reset.mutate()} disabled={reset.isPending}>
          Reset breaker
        </Button>
      )}
      <Button onClick={() => check.mutate()} disabled={check.isPending}>
        {check.isPending ? "Checking…" : "Check health"}
      </Button>
      <Button onClick={onEdit}>Edit</Button>
      <Button color="error" onClick={onDelete}>
        Delete
      </Button>
    </>
  );
}

export function ServicePage() {
  const { name = "" } = useParams();
  const query = useQuery(serviceDetail(name));
  const mayManage = useMay("services.manage");
  const mayCall = useMay("services.call");
  const mayReadCalls = useMay("calls.read");
  const [over, setOver] = useState<"edit" | "delete" | null>(null);
  const service = query.data;
  const own = service !== undefined && service.kind !== "builtin";
  return (
    <>
      <PageHead
        title={name}
        tab={name}
        back={{ to: "/services", name: "Services" }}
        marks={
          service && (
            <>
              <Tag>{service.kind}</Tag>
              <StatusPill status={service.status} />
            </>
          )
        }
        line={service?.description}
        actions={
          service &&
          mayManage &&
          own && <Actions service={service} onEdit={() => setOver("edit")} onDelete={() => setOver("delete")} />
        }
      />
      <Loaded query={query} what={`The service ${name}`} skeleton={<Lines count={8} height={36} />}>
        {(found) => (
          <div className="main-side">
            <div className="stack">
              <Versions service={found} mayManage={mayManage && own} />
              {mayCall && <Try service={found} />}
              {found.methods.length > 0 && <Methods service={found} />}
              {mayReadCalls && <RecentCalls name={found.name} />}
            </div>
            <FactsCard service={found} />
          </div>
        )}
      </Loaded>
      {service && over === "edit" && <Edit service={service} onClose={() => setOver(null)} />}
      {service && over === "delete" && <Delete service={service} onClose={() => setOver(null)} />}
    </>
  );
}
