import Button from "@mui/material/Button";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { reloadSettings, settingList, status } from "../../api/queries/platform";
import { useMay } from "../../api/session";
import type { Setting, Status } from "../../api/types";
import { count, seconds } from "../../parts/format";
import { Card, Facts } from "../../parts/page";
import { Table } from "../../parts/table";
import { say } from "../../parts/toasts";
import { Lines, Loaded } from "../../parts/trouble";
import { Ago, Pill, type Tone } from "../../parts/words";

const tones: Record<string, Tone> = { healthy: "ok", degraded: "warn", unhealthy: "bad" };

function StatusCard({ now }: { now: Status }) {
  return (
    <Card title="This installation">
      <Facts
        of={[
          ["Version", now.version],
          ["Environment", now.environment],
          ["Started", <Ago key="at" at={now.started_at} />],
          ...now.components.map((part): [string, React.ReactNode] => [
            part.name,
            <span key={part.name} className="row">
              <Pill tone={tones[part.status] ?? "plain"} dot>
                {part.status}
              </Pill>
              {part.detail && <span className="dim break">{part.detail}</span>}
            </span>,
          ]),
          ...now.gateways.map((gateway): [string, React.ReactNode] => [
            gateway.id,
            <span key={gateway.id} className="row">
              <Pill tone={gateway.fresh ? "ok" : "warn"} dot>
                {gateway.fresh ? "fresh" : "stale"}
              </Pill>
              <span className="dim">
                up {seconds(gateway.uptime_s)} · {count(gateway.open_connections)} connections · snapshot{" "}
                {gateway.snapshot_version ?? "none"}
              </span>
            </span>,
          ]),
        ]}
      />
    </Card>
  );
}

function shown({ secret, value }: Setting): string {
  if (secret) return "•••";
  if (value === null || value === "") return "not set";
  if (Array.isArray(value)) return value.join(", ") || "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function Effective() {
  const query = useQuery(settingList);
  const now = useQuery(status);
  const mayManage = useMay("settings.manage");
  const [typed, setTyped] = useState("");
  const reload = useMutation({
    ...reloadSettings,
    onSuccess: () => say("The settings were read again."),
    onError: (error) => say(`Not reloaded: ${error.message}`, "bad"),
  });
  return (
    <>
      <Loaded
        query={now}
        what="The status"
        skeleton={
          <Card>
            <Lines />
          </Card>
        }
      >
        {(found) => <StatusCard now={found} />}
      </Loaded>
      <Card
        title="Settings in effect"
        flush
        aside={
          <>
            <input
              className="search"
              type="search"
              aria-label="Filter settings by name"
              placeholder="Filter by name"
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
            {mayManage && (
              <Button onClick={() => reload.mutate()} disabled={reload.isPending}>
                Read again
              </Button>
            )}
          </>
        }
      >
        <Loaded
          query={query}
          what="The settings"
          skeleton={
            <div style={{ padding: 16 }}>
              <Lines count={8} />
            </div>
          }
        >
          {(settings) => (
            <Table<Setting>
              label="Settings"
              rows={settings.filter((setting) => setting.name.includes(typed.trim()))}
              rowKey={(setting) => setting.name}
              columns={[
                {
                  name: "Name",
                  cell: (setting) => (
                    <>
                      <span className="mono break">{setting.name}</span>
                      <div className="dim">{setting.description}</div>
                    </>
                  ),
                },
                { name: "Value", wide: true, cell: (setting) => <span className="mono break">{shown(setting)}</span> },
                {
                  name: "From",
                  hide: "s",
                  cell: (setting) =>
                    setting.source === "default" ? (
                      <span className="dim">default</span>
                    ) : (
                      <Pill tone="accent">{setting.source}</Pill>
                    ),
                },
                {
                  name: "Takes effect",
                  hide: "m",
                  cell: (setting) => <span className="dim">{setting.reloadable ? "on reload" : "on restart"}</span>,
                },
              ]}
            />
          )}
        </Loaded>
      </Card>
    </>
  );
}
