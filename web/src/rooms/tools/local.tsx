import Button from "@mui/material/Button";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import {
  enableLocalServer,
  localServer,
  localServerLog,
  orderLocalServer,
  refreshToolServer,
  removeLocalServer,
} from "../../api/queries/tools";
import { useMay } from "../../api/session";
import type { LocalServer } from "../../api/types";
import { Ask } from "../../parts/ask";
import { Code, CopyButton } from "../../parts/copy";
import { bytes, counted, exact, seconds } from "../../parts/format";
import { Card, Facts, PageHead } from "../../parts/page";
import { say } from "../../parts/toasts";
import { Loaded } from "../../parts/trouble";
import { Ago } from "../../parts/words";
import { yamlOf } from "./local-draft";
import { LocalPill } from "./words";

const past = { start: "started", stop: "stopped", restart: "started anew" };

function Remove({ of, onClose }: { of: LocalServer; onClose: () => void }) {
  const navigate = useNavigate();
  const remove = useMutation({
    ...removeLocalServer,
    onSuccess: () => {
      say(`${of.name} is removed.`);
      navigate("/tools");
    },
  });
  return (
    <Ask
      title={`Remove the server ${of.name}?`}
      verb="Remove server"
      typeName={of.name}
      busy={remove.isPending}
      error={remove.error}
      onYes={() => remove.mutate(of.name)}
      onClose={onClose}
    >
      Its process is ended, clients find nothing at <span className="mono break">{of.endpoint_url}</span>, and its own
      folder, its tools and what was decided about them go with it.
    </Ask>
  );
}

function Actions({ of, onRemove }: { of: LocalServer; onRemove: () => void }) {
  const failed = (error: Error) => say(`${of.name}: ${error.message}`, "bad");
  const order = useMutation({
    ...orderLocalServer,
    onSuccess: (now, asked) =>
      now.error ? say(`${of.name} failed: ${now.error}`, "bad") : say(`${of.name} is ${past[asked.order]}.`),
    onError: failed,
  });
  const enable = useMutation({
    ...enableLocalServer,
    onSuccess: (now) => say(`${now.name} is ${now.enabled ? "enabled" : "disabled: no call starts it"}.`),
    onError: failed,
  });
  const refresh = useMutation({
    ...refreshToolServer,
    onSuccess: ({ new: fresh, changed, gone }) =>
      say(`${of.name} is listed: ${fresh} new, ${changed} changed, ${gone} gone.`),
    onError: failed,
  });
  const busy = order.isPending || enable.isPending || refresh.isPending;
  const runs = of.state === "running" || of.state === "starting";
  return (
    <>
      {of.enabled && !runs && (
        <Button variant="contained" disabled={busy} onClick={() => order.mutate({ name: of.name, order: "start" })}>
          Start
        </Button>
      )}
      {of.enabled && runs && (
        <>
          <Button disabled={busy} onClick={() => order.mutate({ name: of.name, order: "restart" })}>
            Restart
          </Button>
          <Button disabled={busy} onClick={() => order.mutate({ name: of.name, order: "stop" })}>
            Stop
          </Button>
        </>
      )}
      {of.enabled && (
        <Button disabled={busy} onClick={() => refresh.mutate(of.name)}>
          List its tools
        </Button>
      )}
      <Button disabled={busy} onClick={() => enable.mutate({ name: of.name, enabled: !of.enabled })}>
        {of.enabled ? "Disable" : "Enable"}
      </Button>
      <Button color="error" onClick={onRemove}>
        Remove
      </Button>
    </>
  );
}

function Process({ of }: { of: LocalServer }) {
  return (
    <div className="tiles">
      <Card label="Process">
        <div className="dim">Process</div>
        <div className="strong">{of.pid === null ? "none runs" : `number ${of.pid}`}</div>
        <div className="dim">
          {of.state} {of.since && <Ago at={of.since} />}
          {of.restarts > 0 && `, ${counted(of.restarts, "restart")}`}
        </div>
      </Card>
      <Card label="Memory">
        <div className="dim">Memory</div>
        <div className="strong">{of.pid === null ? "–" : bytes(of.memory_bytes)}</div>
        <div className="dim">
          of {bytes(of.limits.memory_bytes)}, {counted(of.processes, "process", "processes")} of {of.limits.processes}
        </div>
      </Card>
      <Card label="Protocol">
        <div className="dim">Speaks MCP of</div>
        <div className="strong">{of.protocol_version ?? "not known before it runs"}</div>
        <div className="dim">clients may speak either era</div>
      </Card>
      <Card label="Kept to its paths">
        <div className="dim">Kept to its paths</div>
        <div className="strong">{of.jailed === null ? "not known before it runs" : of.jailed ? "yes" : "no"}</div>
        <div className="dim">{of.jailed === false && "this machine cannot enforce it"}</div>
      </Card>
    </div>
  );
}

function Log({ name }: { name: string }) {
  const query = useQuery(localServerLog(name));
  return (
    <Card
      title="What it wrote to its standard error"
      aside={
        query.data && query.data.length > 0 && <CopyButton text={query.data.map((line) => line.text).join("\n")} />
      }
    >
      <Loaded query={query} what="The log">
        {(lines) =>
          lines.length === 0 ? (
            <p className="dim">Nothing since the bridge was started.</p>
          ) : (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
            <section className="diff" aria-label="Log" tabIndex={0}>
              <ol>
                {lines.map((line, place) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: lines have no name but their place
                  <li key={place} title={exact(line.at)}>
                    {line.text}
                  </li>
                ))}
              </ol>
            </section>
          )
        }
      </Loaded>
    </Card>
  );
}

function Definition({ of }: { of: LocalServer }) {
  const { name, description, command, args, env, allowed_paths, program_paths, limits, enabled } = of;
  const { memory_bytes, idle_stop_s } = limits;
  const draft = { name, description, command, args, env, allowed_paths, program_paths, limits, enabled };
  return (
    <Card title="How it is defined">
      <div className="stack">
        <Facts
          of={[
            [
              "Clients reach it at",
              <span key="url" className="mono break">
                {of.endpoint_url}
              </span>,
            ],
            ["Ended above", bytes(memory_bytes)],
            ["Stopped when unused", idle_stop_s > 0 ? `after ${seconds(idle_stop_s)}` : "never"],
            ["Changed", <Ago key="at" at={of.updated_at} />],
          ]}
        />
        <Code label="mcp.yaml" text={yamlOf(draft)} />
      </div>
    </Card>
  );
}

function Found({ of }: { of: LocalServer }) {
  const mayManage = useMay("tools.manage");
  const [removing, setRemoving] = useState(false);
  return (
    <>
      <PageHead
        title={of.name}
        tab={of.name}
        line={of.description || "a tool server on this machine"}
        back={{ to: "/tools", name: "Tools" }}
        marks={<LocalPill of={of} />}
        actions={mayManage && <Actions of={of} onRemove={() => setRemoving(true)} />}
      />
      {of.error && <p className={`notice ${of.state === "failed" ? "bad" : "warn"}`}>{of.error}</p>}
      <Process of={of} />
      <div className="row">
        <Link to={`/tools/definitions?server=${of.name}`}>Its tools</Link>
        <Link to={`/services/${of.name}`}>Its service: versions, limits, calls</Link>
      </div>
      <div className="halves">
        <Definition of={of} />
        {mayManage && <Log name={of.name} />}
      </div>
      {removing && <Remove of={of} onClose={() => setRemoving(false)} />}
    </>
  );
}

export function LocalServerPage() {
  const { name = "" } = useParams();
  const query = useQuery(localServer(name));
  return (
    <>
      {!query.data && <PageHead title={name} tab={name} back={{ to: "/tools", name: "Tools" }} />}
      <Loaded query={query} what="This server">
        {(found) => <Found of={found} />}
      </Loaded>
    </>
  );
}
