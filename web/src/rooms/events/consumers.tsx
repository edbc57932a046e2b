import Button from "@mui/material/Button";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { consumerList } from "../../api/queries/events";
import { useMay } from "../../api/session";
import type { EventConsumer } from "../../api/types";
import { useFilters } from "../../parts/filters";
import { count, seconds } from "../../parts/format";
import { Card, PageHead } from "../../parts/page";
import { type Column, Table } from "../../parts/table";
import { Empty, Loaded } from "../../parts/trouble";
import { Ago, Pill, type Tone } from "../../parts/words";
import { ReplayDialog } from "./replay";
import { EventTabs } from "./tabs";

/** Nobody minds a few seconds; a minute behind is worth a look. */
const slowS = 60;

function stateOf(consumer: EventConsumer): { text: string; tone: Tone } {
  if (consumer.dead_warning) return { text: "dead letters nearly full", tone: "bad" };
  if (consumer.dead > 0) return { text: "has dead letters", tone: "bad" };
  if (consumer.waiting > 0) return { text: "retrying", tone: "warn" };
  if (consumer.lag > 0 && consumer.lag_s > slowS) return { text: "behind", tone: "warn" };
  return { text: "up to date", tone: "ok" };
}

function columnsFor(mayManage: boolean, replay: (consumer: string) => void): Column<EventConsumer>[] {
  const columns: Column<EventConsumer>[] = [
    {
      name: "Consumer",
      cell: (it) => (
        <>
          <span className="strong">{it.name}</span>
          {it.projection && <div className="dim">made from the log</div>}
        </>
      ),
    },
    {
      name: "State",
      nowrap: true,
      cell: (it) => {
        const { text, tone } = stateOf(it);
        return <Pill tone={tone}>{text}</Pill>;
      },
    },
    {
      name: "Events behind",
      right: true,
      hide: "s",
      nowrap: true,
      cell: (it) =>
        it.lag === 0 ? (
          <span className="dim">0</span>
        ) : (
          <>
            {count(it.lag)}, {seconds(it.lag_s)}
          </>
        ),
    },
    { name: "Waiting for a retry", right: true, hide: "s", cell: (it) => count(it.waiting) },
    {
      name: "Dead letters",
      right: true,
      cell: (it) =>
        it.dead === 0 || !mayManage ? (
          <span className={it.dead === 0 ? "dim" : "bad"}>{count(it.dead)}</span>
        ) : (
          <Link to={`/events/dead-letters?consumer=${encodeURIComponent(it.name)}`} data-open>
            {count(it.dead)}
            <span className="hidden-text"> of {it.name}</span>
          </Link>
        ),
    },
    {
      name: "Last moved",
      right: true,
      nowrap: true,
      hide: "m",
      cell: (it) => <Ago at={it.updated_at} never="not yet" />,
    },
  ];
  if (!mayManage) return columns;
  return [
    ...columns,
    {
      name: "Actions",
      silent: true,
      right: true,
      hide: "s",
      cell: (it) => (
        <Button variant="text" onClick={() => replay(it.name)}>
          {it.projection ? "Make anew…" : "Replay…"}
          <span className="hidden-text"> {it.name}</span>
        </Button>
      ),
    },
  ];
}

export function Consumers() {
  const { values, set } = useFilters(["replay"] as const);
  const query = useQuery(consumerList);
  const mayManage = useMay("events.manage");
  const columns = columnsFor(mayManage, (replay) => set({ replay }));
  return (
    <>
      <PageHead
        title="Events"
        tab="Consumers of events"
        line="who reads the log, and how far each has come"
        actions={mayManage && <Button onClick={() => set({ replay: "any" })}>Replay…</Button>}
      />
      <EventTabs at="consumers" />
      <Card flush>
        <Loaded
          query={query}
          what="The consumers"
          skeleton={
            <Table label="Consumers" columns={columns} rows={undefined} rowKey={(it) => it.name} skeletonRows={3} />
          }
        >
          {(consumers) =>
            consumers.length === 0 ? (
              <Empty title="Nobody reads the log yet">
                A consumer appears here with its first event: webhooks, notices and the counts for the dashboards.
              </Empty>
            ) : (
              <Table label="Consumers" columns={columns} rows={consumers} rowKey={(it) => it.name} />
            )
          }
        </Loaded>
      </Card>
      <p className="dim">
        What a consumer fails on is tried again after 1, 5 and 30 minutes; later events about the same thing wait, all
        others go on. After the last try it becomes a dead letter, which stays for 90 days.
      </p>
      {values.replay && mayManage && (
        <ReplayDialog
          about={values.replay === "any" ? {} : { consumer: values.replay }}
          onClose={() => set({ replay: null })}
        />
      )}
    </>
  );
}
