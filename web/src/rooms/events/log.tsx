import Button from "@mui/material/Button";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type EventFilters, eventList, eventTypes, liveEvents } from "../../api/queries/events";
import { useMay } from "../../api/session";
import type { OrgEvent } from "../../api/types";
import { useHold } from "../../live/hold";
import { FilterChip, FixedChip, options, SearchBox, useFilters } from "../../parts/filters";
import { exact } from "../../parts/format";
import { useNow } from "../../parts/now";
import { Card, PageHead } from "../../parts/page";
import { ranges, startOf } from "../../parts/range";
import { type Column, More, Table } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { Ago, Parts } from "../../parts/words";
import { TimeDialog } from "../calls/time-dialog";
import { EventSheet } from "./event-sheet";
import { bare, groupsOf, mergeEvents, named } from "./kinds";
import { ReplayDialog } from "./replay";
import { EventTabs } from "./tabs";
import { CategoryPill } from "./words";

const names = ["kind", "category", "subject", "range", "since", "until", "open", "replay"] as const;
type Filters = ReturnType<typeof useFilters<(typeof names)[number]>>;

function columnsFor(open: (id: string) => void): Column<OrgEvent>[] {
  return [
    { name: "When", nowrap: true, cell: (event) => <Ago at={event.at} /> },
    {
      name: "What happened",
      wide: true,
      cell: (event) => (
        <button type="button" className="plain-button mono" data-open onClick={() => open(event.id)}>
          <Parts of={bare(event.kind)} />
        </button>
      ),
    },
    {
      name: "About",
      line: true,
      hide: "s",
      cell: (event) => (
        <>
          {typeof event.payload.name === "string" && <span>{event.payload.name} </span>}
          <span className="mono dim">{event.subject}</span>
        </>
      ),
    },
    { name: "Category", hide: "m", nowrap: true, cell: (event) => <CategoryPill category={event.category} /> },
    { name: "Who", wide: true, cell: (event) => <span className="break">{event.actor.name || event.actor.kind}</span> },
    { name: "Position", right: true, hide: "l", cell: (event) => <span className="mono dim">{event.seq}</span> },
  ];
}

function Time({ filters: { values, set } }: { filters: Filters }) {
  const [picking, setPicking] = useState(false);
  const short = (at: string | undefined, otherwise: string) => (at ? exact(at).slice(0, 19) : otherwise);
  return (
    <>
      {values.since || values.until ? (
        <FixedChip
          name="time"
          value={`${short(values.since, "the beginning")} to ${short(values.until, "now")}`}
          onClear={() => set({ since: null, until: null })}
        />
      ) : (
        <FilterChip
          name="time"
          value={values.range}
          options={ranges.map(({ value, name }) => ({ value, name }))}
          onChange={(range) => set({ range })}
        />
      )}
      <Button variant="text" onClick={() => setPicking(true)}>
        From … to …
      </Button>
      {picking && (
        <TimeDialog
          title="Events from … to …"
          onClose={() => setPicking(false)}
          onPick={(since, until) => {
            set({ since, until, range: null });
            setPicking(false);
          }}
        />
      )}
    </>
  );
}

function FilterBar({ filters }: { filters: Filters }) {
  const { values, set } = filters;
  const groups = groupsOf(useQuery(eventTypes).data ?? []);
  return (
    <search className="filters">
      <SearchBox label="Kind, such as key.created" value={values.kind ?? ""} onChange={(kind) => set({ kind })} />
      <FilterChip
        name="of"
        any="any kind"
        value={values.kind}
        options={groups.map(({ noun }) => ({ value: `${noun}.*`, name: `${noun}.*` }))}
        onChange={(kind) => set({ kind })}
      />
      <FilterChip
        name="category"
        value={values.category}
        options={options("application", "system", "integration", "error")}
        onChange={(category) => set({ category })}
      />
      <Time filters={filters} />
      {values.subject ? (
        <FixedChip name="about" value={values.subject} onClear={() => set({ subject: null })} />
      ) : (
        <SearchBox label="About, such as service:svc_…" value="" onChange={(subject) => set({ subject })} />
      )}
      {isNarrowed(values) && (
        <Button variant="text" onClick={() => clear(filters)}>
          Clear
        </Button>
      )}
    </search>
  );
}

const isNarrowed = (values: Filters["values"]) =>
  Boolean(values.kind || values.category || values.subject || values.range || values.since || values.until);
const clear = ({ set }: Filters) =>
  set({ kind: null, category: null, subject: null, range: null, since: null, until: null });

/** What was read and what arrives, one list. */
function useLog(values: Filters["values"]) {
  const now = useNow();
  const types = useQuery(eventTypes).data ?? [];
  const { kind, category, subject, since, until, range } = values;
  const asked: EventFilters = { kind, category, subject, since: since ?? startOf(range, now), until };
  const query = useInfiniteQuery(eventList(asked));
  const tail = useQuery(liveEvents).data?.items ?? [];
  const read = query.data?.pages.flatMap((page) => page.items);
  const isLive = !until;
  const meant = { ...asked, kind: kind && named(kind, types) };
  return { query, isLive, rows: read && (isLive ? mergeEvents(tail, read, meant) : read) };
}

function Nothing({ filters }: { filters: Filters }) {
  const narrowed = isNarrowed(filters.values);
  return (
    <Card>
      <Empty
        title={narrowed ? "No event fits these filters" : "Nothing has happened yet"}
        command={narrowed ? undefined : "portico services add hello --url https://example.com"}
        action={narrowed ? <Button onClick={() => clear(filters)}>Clear the filters</Button> : undefined}
      >
        {narrowed
          ? "Widen the time, or take a filter away."
          : "Every change in this scope leaves an event here at once: a service that is registered, a key that is made, a budget that runs out."}
      </Empty>
    </Card>
  );
}

export function EventLog() {
  const filters = useFilters(names);
  const { values, set } = filters;
  const mayManage = useMay("events.manage");
  const { query, isLive, rows } = useLog(values);
  const { open: opened, replay: _replay, ...about } = values;
  const hold = useHold(rows ?? [], JSON.stringify(about));
  return (
    <>
      <PageHead
        title="Events"
        tab="Events"
        line="what happened, in order; nothing here is ever changed"
        actions={
          <>
            {isLive && hold.waiting > 0 && (
              <button type="button" className="chip on" onClick={hold.release}>
                Show {hold.waiting} new
              </button>
            )}
            {isLive && (
              <Button onClick={hold.toggle} aria-pressed={hold.paused}>
                {hold.paused ? "Resume" : "Pause"}
              </Button>
            )}
            {mayManage && <Button onClick={() => set({ replay: "1" })}>Replay…</Button>}
          </>
        }
      />
      <EventTabs at="log" />
      <FilterBar filters={filters} />
      {query.error && <Trouble error={query.error} what="The events" retry={() => query.refetch()} />}
      {rows?.length === 0 ? (
        <Nothing filters={filters} />
      ) : (
        !(query.error && !rows) && (
          <div className="card flush" {...(isLive ? hold.holders : {})}>
            <Table
              label="Events"
              columns={columnsFor((open) => set({ open }))}
              rows={rows && hold.rows}
              rowKey={(event) => event.id}
              opens
              tall
              skeletonRows={12}
            />
            {rows && <More shown={hold.rows.length} noun="event" {...query} />}
          </div>
        )
      )}
      {opened && (
        <EventSheet
          key={opened}
          id={opened}
          known={rows?.find((event) => event.id === opened)}
          onClose={() => set({ open: null })}
        />
      )}
      {values.replay && mayManage && (
        <ReplayDialog
          about={{ kind: values.kind, subject: values.subject, since: values.since, until: values.until }}
          onClose={() => set({ replay: null })}
        />
      )}
    </>
  );
}
