import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { recentEvents } from "../../api/queries/events";
import { useMay } from "../../api/session";
import { counted } from "../../parts/format";
import { useNow } from "../../parts/now";
import { Card } from "../../parts/page";
import { startOf } from "../../parts/range";
import { Loaded } from "../../parts/trouble";
import { Ago } from "../../parts/words";
import { bare } from "../events/kinds";
import { covers } from "./choice";

/** What the choice would have brought since this time yesterday. */
export function Preview({ kinds, services }: { kinds: string[]; services: string[] }) {
  const now = useNow();
  const mayRead = useMay("events.read");
  const query = useQuery({ ...recentEvents(startOf("24h", now)), enabled: mayRead });
  if (!mayRead) return null;
  return (
    <Card title="Since this time yesterday">
      <Loaded query={query} what="The events of the last day">
        {({ events, more }) => {
          const wanted = events.filter((event) => covers(kinds, event.kind) && isAbout(event, services));
          const all = `${more ? "the last " : ""}${counted(events.length, "event")}`;
          return (
            <div className="stack tight">
              <p>
                <strong>{counted(wanted.length, "event")}</strong> of {all} would have been sent.
              </p>
              <ul className="stack tight">
                {wanted.slice(0, 4).map((event) => (
                  <li key={event.id}>
                    <Link to={`/events?open=${event.id}`} className="mono break">
                      {bare(event.kind)}
                    </Link>{" "}
                    <span className="dim">
                      <Ago at={event.at} />
                    </span>
                  </li>
                ))}
              </ul>
            </div>
          );
        }}
      </Loaded>
    </Card>
  );
}

function isAbout(event: { subject: string; payload: Record<string, unknown> }, services: string[]): boolean {
  if (services.length === 0) return true;
  const named = event.payload.service_id ?? event.subject.replace(/^service:/, "");
  return typeof named === "string" && services.includes(named);
}
