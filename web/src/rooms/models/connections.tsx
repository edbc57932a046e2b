import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { modelConnections } from "../../api/queries/models";
import type { ModelConnection } from "../../api/types";
import { count, duration, percent } from "../../parts/format";
import { Card } from "../../parts/page";
import { Empty, Lines, Loaded } from "../../parts/trouble";
import { Ago, Parts, Pill, type Tone } from "../../parts/words";
import { ModelsHead } from "./head";

const tones: Record<ModelConnection["status"], Tone> = {
  healthy: "ok",
  degraded: "warn",
  unhealthy: "bad",
  unknown: "plain",
};
const healthTones: Record<ModelConnection["endpoints"][number]["health"], Tone> = {
  healthy: "ok",
  unhealthy: "bad",
  unknown: "plain",
};

function Reached({ of }: { of: ModelConnection["endpoints"][number] }) {
  return (
    <div className="stack tight">
      <div className="row apart">
        <span className="mono">
          <Parts of={of.url} />
        </span>
        <span className="row">
          <Pill tone={healthTones[of.health]}>{of.health}</Pill>
          <Pill tone={of.breaker ? (of.breaker.state === "open" ? "bad" : "warn") : "ok"}>
            breaker {of.breaker?.state.replace("_", " ") ?? "closed"}
          </Pill>
        </span>
      </div>
      {of.breaker?.reason && <div className="dim">{of.breaker.reason}</div>}
      <div className="dim">
        looked at <Ago at={of.last_checked_at} never="not yet" />
        {of.last_error && <span className="bad"> · {of.last_error}</span>}
      </div>
    </div>
  );
}

function Measured({ of }: { of: NonNullable<ModelConnection["measured"]> }) {
  return (
    <div className="num">
      <div>
        {count(of.calls)} calls in 24 h, {percent(of.error_rate * 100)} failed · p95 {duration(of.p95_us)}
      </div>
      <div className="dim">
        last success <Ago at={of.last_success_at} never="none" /> · last failure{" "}
        <Ago at={of.last_failure_at} never="none" />
      </div>
      {of.last_failure && <div className="bad break">{of.last_failure}</div>}
    </div>
  );
}

export function Connections() {
  const query = useQuery(modelConnections);
  return (
    <>
      <ModelsHead at="connections" />
      <Loaded
        query={query}
        what="The connections"
        skeleton={
          <Card>
            <Lines count={5} />
          </Card>
        }
      >
        {(connections) =>
          connections.length === 0 ? (
            <Card>
              <Empty title="No model services yet">What stands behind the models is shown here, and how it does.</Empty>
            </Card>
          ) : (
            <div className="halves">
              {connections.map((connection) => (
                <Card
                  key={connection.service_id}
                  label={connection.service}
                  title={<Link to={`/services/${connection.service}`}>{connection.service}</Link>}
                  aside={<Pill tone={tones[connection.status]}>{connection.status}</Pill>}
                >
                  <div className="stack">
                    <p className="dim break">{connection.models.join(", ")}</p>
                    {connection.endpoints.map((endpoint) => (
                      <Reached key={endpoint.id} of={endpoint} />
                    ))}
                    {connection.measured && <Measured of={connection.measured} />}
                  </div>
                </Card>
              ))}
            </div>
          )
        }
      </Loaded>
    </>
  );
}
