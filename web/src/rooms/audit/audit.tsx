import Button from "@mui/material/Button";
import { type UseMutationResult, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { auditList, verifyAudit } from "../../api/queries/platform";
import { allMembers } from "../../api/queries/tenancy";
import { useMay } from "../../api/session";
import type { AuditEntry, AuditProof } from "../../api/types";
import { Code, CopyId } from "../../parts/copy";
import { FilterChip, options, SearchBox, useFilters } from "../../parts/filters";
import { count, exact } from "../../parts/format";
import { useNow } from "../../parts/now";
import { Card, Facts, PageHead } from "../../parts/page";
import { ranges, startOf } from "../../parts/range";
import { SideSheet } from "../../parts/sheet";
import { type Column, More, Table } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { Ago, Parts, Pill, type Tone } from "../../parts/words";

const names = ["actor_id", "action", "outcome", "range"] as const;
const tones: Record<AuditEntry["severity"], Tone> = { INFO: "plain", WARN: "warn", ERROR: "bad", CRITICAL: "bad" };

function columnsFor(open: (entry: AuditEntry) => void): Column<AuditEntry>[] {
  return [
    { name: "No.", hide: "m", cell: (entry) => <span className="mono dim">{entry.seq}</span> },
    { name: "When", nowrap: true, cell: (entry) => <Ago at={entry.at} /> },
    { name: "Who", hide: "s", cell: (entry) => <span className="break">{entry.actor.name || entry.actor.kind}</span> },
    {
      name: "Did",
      cell: (entry) => (
        <button type="button" className="plain-button mono break" data-open onClick={() => open(entry)}>
          <Parts of={entry.action} />
        </button>
      ),
    },
    { name: "To", cell: (entry) => <Parts of={entry.target?.name ?? entry.target?.id ?? ""} /> },
    {
      name: "Outcome",
      nowrap: true,
      cell: (entry) => <Pill tone={entry.outcome === "ok" ? "ok" : "bad"}>{entry.outcome}</Pill>,
    },
    {
      name: "Severity",
      hide: "m",
      nowrap: true,
      cell: (entry) =>
        entry.severity === "INFO" ? (
          <span className="dim">info</span>
        ) : (
          <Pill tone={tones[entry.severity]}>{entry.severity.toLowerCase()}</Pill>
        ),
    },
    { name: "From", hide: "l", cell: (entry) => <span className="mono dim">{entry.address}</span> },
  ];
}

function Proof({ verify }: { verify: UseMutationResult<AuditProof, Error, void> }) {
  const proof = verify.data;
  if (verify.error) {
    return <Trouble error={verify.error} what="The chain could not be verified" retry={() => verify.mutate()} />;
  }
  if (!proof) return null;
  if (proof.verified) {
    return (
      <p className="notice ok">
        All {count(proof.entries)} entries are as they were written; checked <Ago at={proof.checked_at} />.
      </p>
    );
  }
  return (
    <p className="notice bad">
      The chain is broken{proof.first_bad_seq !== null && ` at entry ${proof.first_bad_seq}`}: this entry or one before
      it was changed or removed. Compare with a backup and treat what follows as unproven.
    </p>
  );
}

function Entry({ entry, onClose }: { entry: AuditEntry; onClose: () => void }) {
  return (
    <SideSheet title={entry.action} onClose={onClose}>
      <Facts
        of={[
          ["When", exact(entry.at)],
          ["Who", `${entry.actor.name || entry.actor.kind} (${entry.actor.kind})`],
          ["To", entry.target ? `${entry.target.name ?? entry.target.id} (${entry.target.kind})` : "nothing"],
          ["Outcome", entry.outcome],
          ["Severity", entry.severity.toLowerCase()],
          ["From", entry.address ?? "unknown"],
          ["Entry", String(entry.seq)],
          ["Hash", <CopyId key="hash" id={entry.hash} short />],
          ["Hash before", <CopyId key="prev" id={entry.prev_hash} short />],
        ]}
      />
      <Code label="Detail" text={JSON.stringify(entry.detail, null, 2)} />
    </SideSheet>
  );
}

export function Audit() {
  const { values, set, clear, any } = useFilters(names);
  const now = useNow();
  const members = useQuery({ ...allMembers, enabled: useMay("members.read") }).data ?? [];
  const { range, ...rest } = values;
  const query = useInfiniteQuery(auditList({ ...rest, from: startOf(range, now) }));
  const verify = useMutation(verifyAudit);
  const [opened, setOpened] = useState<AuditEntry | null>(null);
  const rows = query.data?.pages.flatMap((page) => page.items);
  return (
    <>
      <PageHead
        title="Audit"
        tab="Audit"
        line="who did what; each entry seals the one before it"
        actions={
          <Button onClick={() => verify.mutate()} disabled={verify.isPending}>
            {verify.isPending ? "Verifying…" : "Verify the chain"}
          </Button>
        }
      />
      <div role="status" className="announced">
        <Proof verify={verify} />
      </div>
      <search className="filters">
        <SearchBox
          label="Action, such as key.create"
          value={values.action ?? ""}
          onChange={(action) => set({ action })}
        />
        <FilterChip
          name="who"
          any="anyone"
          value={values.actor_id}
          options={members.map((it) => ({ value: it.person_id, name: it.name }))}
          onChange={(actor_id) => set({ actor_id })}
        />
        <FilterChip
          name="outcome"
          value={values.outcome}
          options={options("ok", "refused")}
          onChange={(outcome) => set({ outcome })}
        />
        <FilterChip
          name="time"
          value={range}
          options={ranges.map(({ value, name }) => ({ value, name }))}
          onChange={(next) => set({ range: next })}
        />
        {any && (
          <Button variant="text" onClick={clear}>
            Clear
          </Button>
        )}
      </search>
      {query.error && <Trouble error={query.error} what="The audit" retry={() => query.refetch()} />}
      {rows?.length === 0 ? (
        <Card>
          <Empty
            title={any ? "No entry fits" : "Nothing is recorded yet"}
            action={any && <Button onClick={clear}>Clear the filters</Button>}
          >
            Every change and every refused attempt is written here.
          </Empty>
        </Card>
      ) : (
        !(query.error && !rows) && (
          <div className="card flush">
            <Table
              label="Audit entries"
              columns={columnsFor(setOpened)}
              rows={rows}
              rowKey={(entry) => String(entry.seq)}
              opens
              tall
              skeletonRows={12}
            />
            {rows && <More shown={rows.length} noun="entry" plural="entries" {...query} />}
          </div>
        )
      )}
      {opened && <Entry entry={opened} onClose={() => setOpened(null)} />}
    </>
  );
}
