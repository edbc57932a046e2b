import Button from "@mui/material/Button";
import { useInfiniteQuery } from "@tanstack/react-query";
import { deliveryList } from "../../api/queries/webhooks";
import type { Delivery, Webhook } from "../../api/types";
import { FilterChip, options, SearchBox, useFilters } from "../../parts/filters";
import { Card } from "../../parts/page";
import { type Column, More, Table } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { Ago, Parts, Pill } from "../../parts/words";
import { bare } from "../events/kinds";
import { DeliverySheet } from "./delivery-sheet";
import { DeliveryPill, NextTry, originWords } from "./words";

function columnsFor(open: (id: string) => void): Column<Delivery>[] {
  return [
    { name: "When", nowrap: true, cell: (it) => <Ago at={it.created_at} /> },
    {
      name: "Event",
      wide: true,
      cell: (it) => (
        <span className="row" style={{ gap: 6 }}>
          <button type="button" className="plain-button mono" data-open onClick={() => open(it.id)}>
            <Parts of={bare(it.kind)} />
          </button>
          {it.origin !== "event" && <Pill tone="accent">{originWords[it.origin]}</Pill>}
        </span>
      ),
    },
    { name: "About", line: true, hide: "m", cell: (it) => <span className="mono dim">{it.subject}</span> },
    { name: "State", nowrap: true, cell: (it) => <DeliveryPill state={it.state} tries={it.attempts} /> },
    { name: "Tries", right: true, hide: "s", cell: (it) => it.attempts },
    {
      name: "Answer",
      right: true,
      hide: "s",
      nowrap: true,
      cell: (it) => (it.last_status === null ? <span className="dim">none</span> : it.last_status),
    },
    {
      name: "Next try",
      right: true,
      nowrap: true,
      hide: "l",
      cell: (it) => <NextTry of={it} />,
    },
  ];
}

function nothingSent({ status }: Webhook): string {
  if (status !== "active") return `While this webhook is ${status}, no event is queued for it. Send a test to try it.`;
  return "The next event of the kinds it gets appears here at once. Send a test to see one now.";
}

export function Deliveries({ of, mayManage }: { of: Webhook; mayManage: boolean }) {
  const { values, set } = useFilters(["state", "kind", "delivery"] as const);
  const query = useInfiniteQuery(deliveryList(of.id, { state: values.state, kind: values.kind }));
  const rows = query.data?.pages.flatMap((page) => page.items);
  const narrowed = Boolean(values.state || values.kind);
  const clear = () => set({ state: null, kind: null });
  return (
    <>
      <search className="filters">
        <SearchBox label="Kind, such as key.created" value={values.kind ?? ""} onChange={(kind) => set({ kind })} />
        <FilterChip
          name="state"
          value={values.state}
          options={options("pending", "delivered", "dead", "discarded")}
          onChange={(state) => set({ state })}
        />
        {narrowed && (
          <Button variant="text" onClick={clear}>
            Clear
          </Button>
        )}
      </search>
      {query.error && <Trouble error={query.error} what="The deliveries" retry={() => query.refetch()} />}
      {rows?.length === 0 ? (
        <Card>
          <Empty
            title={narrowed ? "No delivery fits" : "Nothing was sent yet"}
            action={narrowed ? <Button onClick={clear}>Clear the filters</Button> : undefined}
          >
            {narrowed ? "Choose another state, or another kind." : nothingSent(of)}
          </Empty>
        </Card>
      ) : (
        !(query.error && !rows) && (
          <div className="card flush">
            <Table
              label="Deliveries"
              columns={columnsFor((delivery) => set({ delivery }))}
              rows={rows}
              rowKey={(it) => it.id}
              opens
              tall
            />
            {rows && <More shown={rows.length} noun="delivery" plural="deliveries" {...query} />}
          </div>
        )
      )}
      {values.delivery && (
        <DeliverySheet
          key={values.delivery}
          id={values.delivery}
          mayManage={mayManage}
          onOpen={(delivery) => set({ delivery })}
          onClose={() => set({ delivery: null })}
        />
      )}
    </>
  );
}
