import Button from "@mui/material/Button";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { keyList } from "../../api/queries/keys";
import { useMay } from "../../api/session";
import type { Key, KeyWithSecret } from "../../api/types";
import { FilterChip, options, SearchBox, useFilters } from "../../parts/filters";
import { count } from "../../parts/format";
import { ShownOnce } from "../../parts/once";
import { Card, PageHead } from "../../parts/page";
import { type Column, More, Table } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { Ago, Pill, type Tone } from "../../parts/words";
import { CreateKey } from "./create";
import { KeyDrawer } from "./drawer";

const names = ["q", "status", "new", "open"] as const;
const tones: Record<Key["status"], Tone> = { active: "ok", expired: "warn", revoked: "bad" };

export function KeyStatus({ status }: { status: Key["status"] }) {
  return <Pill tone={tones[status]}>{status}</Pill>;
}

function columnsFor(open: (id: string) => void): Column<Key>[] {
  return [
    {
      name: "Name",
      cell: (key) => (
        <button type="button" className="plain-button strong break" data-open onClick={() => open(key.id)}>
          {key.name}
        </button>
      ),
    },
    { name: "Starts with", hide: "s", cell: (key) => <span className="mono">{key.prefix}…</span> },
    { name: "State", nowrap: true, cell: (key) => <KeyStatus status={key.status} /> },
    { name: "May", hide: "m", cell: (key) => <span className="break">{key.permissions.join(", ") || "nothing"}</span> },
    {
      name: "Services",
      hide: "l",
      cell: (key) => <span className="break">{key.services === null ? "all" : key.services.join(", ") || "none"}</span>,
    },
    {
      name: "A minute",
      hide: "l",
      right: true,
      cell: (key) =>
        key.rate_limit_per_minute === null ? (
          <span className="dim">default</span>
        ) : (
          <span className="mono">{count(key.rate_limit_per_minute)}</span>
        ),
    },
    { name: "Expires", hide: "m", nowrap: true, right: true, cell: (key) => <Ago at={key.expires_at} never="never" /> },
    { name: "Last used", nowrap: true, right: true, cell: (key) => <Ago at={key.last_used_at} never="never" /> },
  ];
}

export function Keys() {
  const { values, set, clear } = useFilters(names);
  const query = useInfiniteQuery(keyList({ q: values.q, status: values.status }));
  const mayManage = useMay("keys.manage");
  const [shown, setShown] = useState<KeyWithSecret | null>(null);
  const rows = query.data?.pages.flatMap((page) => page.items);
  const filtered = Boolean(values.q || values.status);
  const create = mayManage && (
    <Button variant="contained" onClick={() => set({ new: "1" })}>
      Create a key
    </Button>
  );
  return (
    <>
      <PageHead title="Keys" tab="Keys" line="what programs sign in with, in this scope" actions={create} />
      <search className="filters">
        <SearchBox label="Search by name or start" value={values.q ?? ""} onChange={(q) => set({ q })} />
        <FilterChip
          name="state"
          value={values.status}
          options={options("active", "expired", "revoked")}
          onChange={(status) => set({ status })}
        />
      </search>
      {query.error && <Trouble error={query.error} what="The keys" retry={() => query.refetch()} />}
      {rows?.length === 0 ? (
        <Card>
          <Empty
            title={filtered ? "No key fits" : "No keys yet"}
            command={filtered ? undefined : "portico keys add support-bot --per-minute 600 --expires-in 30d"}
            action={filtered ? <Button onClick={clear}>Clear the filters</Button> : create}
          >
            {filtered
              ? "Try another name, or another state."
              : "A program needs a key to call a service. A key holds only the permissions you give it, and its secret is shown once."}
          </Empty>
        </Card>
      ) : (
        !(query.error && !rows) && (
          <div className="card flush">
            <Table
              label="Keys"
              columns={columnsFor((open) => set({ open }))}
              rows={rows}
              rowKey={(key) => key.id}
              opens
              tall
            />
            {rows && <More shown={rows.length} noun="key" {...query} />}
          </div>
        )
      )}
      {values.new && mayManage && (
        <CreateKey
          onClose={() => set({ new: null })}
          onMade={(made) => {
            set({ new: null });
            setShown(made);
          }}
        />
      )}
      {values.open && (
        <KeyDrawer id={values.open} mayManage={mayManage} onSecret={setShown} onClose={() => set({ open: null })} />
      )}
      {shown && (
        <ShownOnce
          title={`The secret of ${shown.name}`}
          warning="This is the only time the whole key is shown. Store it where the program reads it; Portico keeps only a digest."
          text={shown.secret}
          onClose={() => setShown(null)}
        />
      )}
    </>
  );
}
