import Button from "@mui/material/Button";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { consumerList, type DeadLetterFilters, deadLetterList, retryDeadLetters } from "../../api/queries/events";
import type { DeadLetter } from "../../api/types";
import { FormDialog } from "../../parts/ask";
import { FilterChip, SearchBox, useFilters } from "../../parts/filters";
import { counted } from "../../parts/format";
import { Card, PageHead } from "../../parts/page";
import { type Column, More, Table } from "../../parts/table";
import { say } from "../../parts/toasts";
import { Empty, Trouble } from "../../parts/trouble";
import { Ago, Parts, Pill } from "../../parts/words";
import { bare } from "./kinds";
import { LetterSheet } from "./letter-sheet";
import { EventTabs } from "./tabs";

const names = ["consumer", "kind", "open"] as const;

function columnsFor(open: (id: string) => void): Column<DeadLetter>[] {
  return [
    { name: "Died", nowrap: true, cell: (letter) => <Ago at={letter.died_at} /> },
    {
      name: "Event",
      wide: true,
      cell: (letter) => (
        <span className="row" style={{ gap: 6 }}>
          <button type="button" className="plain-button mono" data-open onClick={() => open(letter.id)}>
            <Parts of={bare(letter.event.kind)} />
          </button>
          {letter.edited && <Pill tone="accent">edited</Pill>}
        </span>
      ),
    },
    {
      name: "About",
      hide: "l",
      nowrap: true,
      cell: (letter) => <span className="mono dim">{letter.event.subject}</span>,
    },
    { name: "Consumer", nowrap: true, hide: "s", cell: (letter) => letter.consumer },
    { name: "What went wrong", line: true, cell: (letter) => <span className="break">{letter.error}</span> },
    { name: "Tries", right: true, hide: "m", cell: (letter) => letter.attempts },
  ];
}

function RetryAll({ of, onClose }: { of: DeadLetterFilters; onClose: () => void }) {
  const retry = useMutation({
    ...retryDeadLetters,
    onSuccess: (answer) => {
      say(`${counted(answer.retried, "dead letter")} will be tried again.`);
      onClose();
    },
  });
  const which = [of.kind && `of the kind ${of.kind}`, of.consumer && `of ${of.consumer}`].filter(Boolean).join(" ");
  return (
    <FormDialog
      title={`Retry all dead letters ${which}`.trim()}
      verb="Retry all"
      busy={retry.isPending}
      error={retry.error}
      onClose={onClose}
      onSubmit={() => retry.mutate(of)}
    >
      <p>
        Every dead letter {which || "of this org"} is handed to its consumer once more, in the order of the log. What
        fails again comes back here after its retries.
      </p>
    </FormDialog>
  );
}

function Nothing({ narrowed, onClear }: { narrowed: boolean; onClear: () => void }) {
  return (
    <Card>
      <Empty
        title={narrowed ? "No dead letter fits" : "No dead letters"}
        command={narrowed ? undefined : "portico dead-letters list"}
        action={narrowed ? <Button onClick={onClear}>Clear the filters</Button> : undefined}
      >
        {narrowed
          ? "Choose another consumer, or another kind."
          : "Every consumer could use every event. What one fails on four times stays here for 90 days: look at it, mend its payload, retry it or discard it."}
      </Empty>
    </Card>
  );
}

export function DeadLetters() {
  const { values, set } = useFilters(names);
  const asked = { consumer: values.consumer, kind: values.kind };
  const query = useInfiniteQuery(deadLetterList(asked));
  const consumers = useQuery(consumerList).data ?? [];
  const [retrying, setRetrying] = useState(false);
  const rows = query.data?.pages.flatMap((page) => page.items);
  const narrowed = Boolean(values.consumer || values.kind);
  const clear = () => set({ consumer: null, kind: null });
  const warned = consumers.some((it) => it.dead_warning);
  return (
    <>
      <PageHead
        title="Events"
        tab="Dead letters"
        line="events that a consumer could not use, kept until somebody decides"
        actions={
          rows &&
          rows.length > 0 && <Button onClick={() => setRetrying(true)}>Retry all{narrowed && " of these"}…</Button>
        }
      />
      <EventTabs at="dead-letters" />
      {warned && (
        <p className="notice bad" role="status">
          More than 8,000 dead letters are kept. At 10,000 the oldest leave: mend the cause and retry, or discard.
        </p>
      )}
      <search className="filters">
        <SearchBox label="Kind, such as key.created" value={values.kind ?? ""} onChange={(kind) => set({ kind })} />
        <FilterChip
          name="consumer"
          value={values.consumer}
          options={consumers.map(({ name }) => ({ value: name, name }))}
          onChange={(consumer) => set({ consumer })}
        />
        {narrowed && (
          <Button variant="text" onClick={clear}>
            Clear
          </Button>
        )}
      </search>
      {query.error && <Trouble error={query.error} what="The dead letters" retry={() => query.refetch()} />}
      {rows?.length === 0 ? (
        <Nothing narrowed={narrowed} onClear={clear} />
      ) : (
        !(query.error && !rows) && (
          <div className="card flush">
            <Table
              label="Dead letters"
              columns={columnsFor((open) => set({ open }))}
              rows={rows}
              rowKey={(letter) => letter.id}
              opens
              tall
            />
            {rows && <More shown={rows.length} noun="dead letter" {...query} />}
          </div>
        )
      )}
      {values.open && <LetterSheet key={values.open} id={values.open} onClose={() => set({ open: null })} />}
      {retrying && <RetryAll of={asked} onClose={() => setRetrying(false)} />}
    </>
  );
}
