import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { eventDetail, eventTypes } from "../../api/queries/events";
import type { OrgEvent } from "../../api/types";
import { Code, CopyId } from "../../parts/copy";
import { exact } from "../../parts/format";
import { Facts } from "../../parts/page";
import { SideSheet } from "../../parts/sheet";
import { Lines, Loaded } from "../../parts/trouble";
import { Ago } from "../../parts/words";
import { bare, placeOf } from "./kinds";
import { CategoryPill } from "./words";

function WhatItIs({ kind }: { kind: string }) {
  const type = useQuery(eventTypes).data?.find((it) => it.kind === kind);
  if (!type) return null;
  return (
    <p>
      {type.summary}{" "}
      <Link to={`/events/types?open=${encodeURIComponent(kind)}`} className="dim">
        What is in it
      </Link>
    </p>
  );
}

/** Of an event that came from outside. */
function originOf({ origin }: OrgEvent): [string, string][] {
  if (!origin) return [];
  const { extensions = {} } = origin as { extensions?: Record<string, string | number | boolean> };
  const added = Object.entries(extensions).map(([name, value]) => [name, String(value)] as [string, string]);
  return [["Sent by", `${origin.source}, as ${origin.id}`], ...added];
}

function Detail({ event }: { event: OrgEvent }) {
  const place = placeOf(event);
  return (
    <>
      <WhatItIs kind={event.kind} />
      <Facts
        of={[
          ["Category", <CategoryPill key="category" category={event.category} />],
          [
            "When",
            <span key="when">
              {exact(event.at)} (<Ago at={event.at} />)
            </span>,
          ],
          ["Who", `${event.actor.name || event.actor.id || event.actor.kind} (${event.actor.kind})`],
          ["About", <CopyId key="subject" id={event.subject || "nothing"} />],
          ...originOf(event),
          ["Position", <span key="seq">{event.seq} in the log of this org</span>],
          ["Id", <CopyId key="id" id={event.id} />],
        ]}
      />
      <div className="row">
        {place && <Link to={place}>Open what it is about</Link>}
        {event.subject && (
          <Link to={`/events?subject=${encodeURIComponent(event.subject)}`}>All that happened to it</Link>
        )}
        <Link to={`/events?kind=${encodeURIComponent(bare(event.kind))}`}>All of this kind</Link>
      </div>
      <Code label="Payload" text={JSON.stringify(event.payload, null, 2)} />
    </>
  );
}

export function EventSheet({ id, known, onClose }: { id: string; known?: OrgEvent | undefined; onClose: () => void }) {
  const query = useQuery({ ...eventDetail(id), initialData: known });
  return (
    <SideSheet title={query.data ? bare(query.data.kind) : "Event"} onClose={onClose}>
      <Loaded query={query} what="This event" skeleton={<Lines count={6} />}>
        {(event) => <Detail event={event} />}
      </Loaded>
    </SideSheet>
  );
}
