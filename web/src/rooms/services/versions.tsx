import Button from "@mui/material/Button";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import {
  addEndpoint,
  addVersion,
  changeEndpoint,
  changeVersion,
  removeEndpoint,
  removeVersion,
} from "../../api/queries/services";
import type { Endpoint, Service, ServiceVersion } from "../../api/types";
import { Ask, FormDialog } from "../../parts/ask";
import { useForm } from "../../parts/form";
import { ago, percent } from "../../parts/format";
import { useNow } from "../../parts/now";
import { Card } from "../../parts/page";
import { Table } from "../../parts/table";
import { say } from "../../parts/toasts";
import { BreakerPill } from "../../parts/verdict";
import { Ago, Pill, type Tone } from "../../parts/words";

const healthTones: Record<Endpoint["health"], Tone> = { healthy: "ok", unhealthy: "bad", unknown: "plain" };

function Breaker({ endpoint }: { endpoint: Endpoint }) {
  const now = useNow();
  const breaker = endpoint.breaker;
  // The gateway reports a breaker once it has something to say.
  if (!breaker) return <span className="dim">closed</span>;
  return (
    <span aria-live="polite">
      <BreakerPill state={breaker.state} />
      {breaker.reason && <div className="dim">{breaker.reason}</div>}
      {breaker.probe_at && breaker.state === "open" && (
        <div className="dim">
          {Date.parse(breaker.probe_at) > now ? `probe ${ago(breaker.probe_at, now)}` : "the next call probes it"}
        </div>
      )}
    </span>
  );
}

function Health({ endpoint }: { endpoint: Endpoint }) {
  return (
    <>
      <Pill tone={healthTones[endpoint.health]} dot>
        {endpoint.health}
      </Pill>
      {endpoint.last_error && endpoint.health !== "healthy" && <div className="bad break">{endpoint.last_error}</div>}
      {endpoint.lease_expires_at && (
        <div className="dim">
          lease ends <Ago at={endpoint.lease_expires_at} />
        </div>
      )}
    </>
  );
}

const weightProblem = (text: string) => (/^\d{1,5}$/.test(text) ? undefined : "A whole number from 0");

function WeightDialog({
  title,
  consequence,
  weight,
  busy,
  error,
  onSave,
  onClose,
}: {
  title: string;
  consequence: (weight: number) => string;
  weight: number;
  busy: boolean;
  error: Error | null;
  onSave: (weight: number) => void;
  onClose: () => void;
}) {
  const form = useForm({ weight: String(weight) }, (values) => ({ weight: weightProblem(values.weight) }));
  return (
    <FormDialog
      title={title}
      verb="Save"
      busy={busy}
      error={error}
      onClose={onClose}
      onSubmit={() => form.attempt(() => onSave(Number(form.values.weight)))}
    >
      <TextField
        label="Weight"
        autoFocus
        margin="dense"
        {...form.text("weight", "Relative to its neighbours; 0 takes no calls")}
      />
      <p className="dim">{form.valid ? consequence(Number(form.values.weight)) : ""}</p>
    </FormDialog>
  );
}

function AddVersion({ service, onClose }: { service: Service; onClose: () => void }) {
  const form = useForm({ version: `v${service.versions.length + 1}`, weight: "0", url: "" }, (values) => ({
    version: /^[\w.-]{1,32}$/.test(values.version) ? undefined : "Letters, digits, dots and dashes",
    weight: weightProblem(values.weight),
    url: /^https?:\/\/.+/.test(values.url) ? undefined : "Enter a whole address, such as http://127.0.0.1:9000",
  }));
  const add = useMutation({ ...addVersion(service.name), onSuccess: onClose, onError: form.takeRefusal });
  return (
    <FormDialog
      title={`Add a version of ${service.name}`}
      verb="Add version"
      busy={add.isPending}
      error={add.error}
      onClose={onClose}
      onSubmit={() => form.attempt(() => add.mutate({ ...form.values, weight: Number(form.values.weight) }))}
    >
      <div className="form-grid" style={{ paddingTop: 6 }}>
        <TextField label="Version" {...form.text("version")} />
        <TextField label="Weight" {...form.text("weight", "0: only callers who ask for it get it")} />
        <TextField label="Address of its first endpoint" autoFocus className="all" {...form.text("url")} />
      </div>
    </FormDialog>
  );
}

function AddEndpoint({ service, version, onClose }: { service: Service; version: string; onClose: () => void }) {
  const form = useForm({ weight: "1", url: "" }, (values) => ({
    weight: weightProblem(values.weight),
    url: /^https?:\/\/.+/.test(values.url) ? undefined : "Enter a whole address, such as http://127.0.0.1:9000",
  }));
  const add = useMutation({ ...addEndpoint(service.name), onSuccess: onClose, onError: form.takeRefusal });
  return (
    <FormDialog
      title={`Add an endpoint to ${service.name} ${version}`}
      verb="Add endpoint"
      busy={add.isPending}
      error={add.error}
      onClose={onClose}
      onSubmit={() =>
        form.attempt(() => add.mutate({ version, url: form.values.url, weight: Number(form.values.weight) }))
      }
    >
      <div className="form-grid" style={{ paddingTop: 6 }}>
        <TextField label="Address" autoFocus className="all" {...form.text("url")} />
        <TextField label="Weight" {...form.text("weight")} />
      </div>
    </FormDialog>
  );
}

function shareWords(service: Service, version: ServiceVersion, weight: number): string {
  const others = service.versions
    .filter((it) => it.status === "active" && it.id !== version.id)
    .reduce((sum, it) => sum + it.weight, 0);
  const share = weight + others === 0 ? 0 : (weight / (weight + others)) * 100;
  return `${version.version} would take ${percent(share)} of the calls that do not ask for a version; it takes ${percent(weightShare(service, version))} now.`;
}

function weightShare(service: Service, version: ServiceVersion): number {
  const all = service.versions.filter((it) => it.status === "active").reduce((sum, it) => sum + it.weight, 0);
  return all === 0 || version.status !== "active" ? 0 : (version.weight / all) * 100;
}

type Over =
  | { kind: "weight" | "add-endpoint" | "remove-version"; version: ServiceVersion }
  | { kind: "endpoint-weight" | "remove-endpoint"; endpoint: Endpoint }
  | { kind: "add-version" }
  | null;

function VersionHead({
  service,
  version,
  mayManage,
  onOver,
}: {
  service: Service;
  version: ServiceVersion;
  mayManage: boolean;
  onOver: (over: Over) => void;
}) {
  const change = useMutation({
    ...changeVersion(service.name),
    onSuccess: () => say(`${service.name} ${version.version} is changed.`),
    onError: (error) => say(`Not changed: ${error.message}`, "bad"),
  });
  const next = version.status === "active" ? "deprecated" : "active";
  return (
    <div className="row apart">
      <span className="row">
        <h3>{version.version}</h3>
        {version.status === "deprecated" && <Pill tone="warn">deprecated</Pill>}
        <span className="dim">
          weight {version.weight}, {percent(weightShare(service, version))} of calls
        </span>
      </span>
      {mayManage && (
        <span className="row" style={{ gap: 0 }}>
          <Button
            variant="text"
            onClick={() => onOver({ kind: "weight", version })}
            aria-label={`Change weight of ${version.version}`}
          >
            Change weight
          </Button>
          <Button variant="text" onClick={() => onOver({ kind: "add-endpoint", version })}>
            Add endpoint
          </Button>
          <Button
            variant="text"
            disabled={change.isPending}
            onClick={() => change.mutate({ version: version.version, status: next })}
          >
            {next === "active" ? "Activate" : "Deprecate"}
          </Button>
          {service.versions.length > 1 && (
            <Button variant="text" color="error" onClick={() => onOver({ kind: "remove-version", version })}>
              Remove
            </Button>
          )}
        </span>
      )}
    </div>
  );
}

function Dialogs({ service, over, onClose }: { service: Service; over: Exclude<Over, null>; onClose: () => void }) {
  const weigh = useMutation({ ...changeVersion(service.name), onSuccess: onClose });
  const weighEndpoint = useMutation({ ...changeEndpoint(service.name), onSuccess: onClose });
  const dropVersion = useMutation({ ...removeVersion(service.name), onSuccess: onClose });
  const dropEndpoint = useMutation({ ...removeEndpoint(service.name), onSuccess: onClose });
  switch (over.kind) {
    case "add-version":
      return <AddVersion service={service} onClose={onClose} />;
    case "add-endpoint":
      return <AddEndpoint service={service} version={over.version.version} onClose={onClose} />;
    case "weight":
      return (
        <WeightDialog
          title={`Weight of ${service.name} ${over.version.version}`}
          consequence={(weight) => shareWords(service, over.version, weight)}
          weight={over.version.weight}
          busy={weigh.isPending}
          error={weigh.error}
          onSave={(weight) => weigh.mutate({ version: over.version.version, weight })}
          onClose={onClose}
        />
      );
    case "endpoint-weight":
      return (
        <WeightDialog
          title={`Weight of ${over.endpoint.url}`}
          consequence={(weight) =>
            weight === 0 ? "It takes no more calls." : "Its share among the endpoints of its version."
          }
          weight={over.endpoint.weight}
          busy={weighEndpoint.isPending}
          error={weighEndpoint.error}
          onSave={(weight) => weighEndpoint.mutate({ id: over.endpoint.id, weight })}
          onClose={onClose}
        />
      );
    case "remove-version":
      return (
        <Ask
          title={`Remove ${over.version.version} of ${service.name}?`}
          verb="Remove version"
          busy={dropVersion.isPending}
          error={dropVersion.error}
          onYes={() => dropVersion.mutate(over.version.version)}
          onClose={onClose}
        >
          Version <strong>{over.version.version}</strong> and its {over.version.endpoints.length} endpoints leave the
          hub; its share goes to the other versions.
        </Ask>
      );
    case "remove-endpoint":
      return (
        <Ask
          title={`Remove an endpoint of ${service.name}?`}
          verb="Remove endpoint"
          busy={dropEndpoint.isPending}
          error={dropEndpoint.error}
          onYes={() => dropEndpoint.mutate(over.endpoint.id)}
          onClose={onClose}
        >
          <strong className="break">{over.endpoint.url}</strong> takes no more calls.
        </Ask>
      );
  }
}

export function Versions({ service, mayManage }: { service: Service; mayManage: boolean }) {
  const [over, setOver] = useState<Over>(null);
  return (
    <Card
      title="Versions and endpoints"
      aside={mayManage && <Button onClick={() => setOver({ kind: "add-version" })}>Add version</Button>}
    >
      <div className="stack">
        {service.versions.map((version) => (
          <div key={version.id} className="stack tight">
            <VersionHead service={service} version={version} mayManage={mayManage} onOver={setOver} />
            <Table<Endpoint>
              label={`Endpoints of ${version.version}`}
              rows={version.endpoints}
              rowKey={(endpoint) => endpoint.id}
              columns={[
                { name: "Address", cell: (endpoint) => <span className="mono break">{endpoint.url}</span> },
                { name: "Health", cell: (endpoint) => <Health endpoint={endpoint} /> },
                { name: "Breaker", cell: (endpoint) => <Breaker endpoint={endpoint} /> },
                {
                  name: "Checked",
                  hide: "m",
                  nowrap: true,
                  cell: (endpoint) => <Ago at={endpoint.last_checked_at} never="not yet" />,
                },
                {
                  name: "Weight",
                  right: true,
                  hide: "s",
                  cell: (endpoint) =>
                    mayManage ? (
                      <button
                        type="button"
                        className="plain-button link"
                        onClick={() => setOver({ kind: "endpoint-weight", endpoint })}
                      >
                        {endpoint.weight}
                        <span className="hidden-text"> is the weight of {endpoint.url}, change it</span>
                      </button>
                    ) : (
                      endpoint.weight
                    ),
                },
                ...(mayManage
                  ? [
                      {
                        name: "Actions",
                        silent: true,
                        right: true,
                        hide: "s" as const,
                        cell: (endpoint: Endpoint) => (
                          <Button
                            variant="text"
                            color="error"
                            onClick={() => setOver({ kind: "remove-endpoint", endpoint })}
                          >
                            Remove<span className="hidden-text"> {endpoint.url}</span>
                          </Button>
                        ),
                      },
                    ]
                  : []),
              ]}
            />
          </div>
        ))}
        {service.versions.length === 0 && <p className="dim">It is part of Portico itself and needs no endpoint.</p>}
      </div>
      {over && <Dialogs service={service} over={over} onClose={() => setOver(null)} />}
    </Card>
  );
}
