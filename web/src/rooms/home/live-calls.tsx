import Button from "@mui/material/Button";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { liveCalls, recentCalls } from "../../api/queries/calls";
import { useHold } from "../../live/hold";
import { FilterChip, options } from "../../parts/filters";
import { Card } from "../../parts/page";
import { Empty, Trouble } from "../../parts/trouble";
import { CallTable } from "../calls/call-table";
import { mergeCalls } from "../calls/merge";

const shown = 14;

/** The last calls as they happen. What was read over HTTP fills the list until the socket knows more. */
export function LiveCalls({ onConnect }: { onConnect: () => void }) {
  const [kind, setKind] = useState<string>();
  const [verdict, setVerdict] = useState<string>();
  const read = useQuery(recentCalls({ kind, verdict }, shown));
  const tail = useQuery(liveCalls).data?.items ?? [];
  const rows = mergeCalls(tail, read.data ?? [], { kind, verdict });
  const hold = useHold(rows, `${kind} ${verdict}`);
  const empty = read.data !== undefined && rows.length === 0;
  return (
    <Card
      title="Calls, live"
      aside={
        <>
          <FilterChip
            name="kind"
            any="all kinds"
            value={kind}
            options={options("http", "model", "tools", "builtin")}
            onChange={setKind}
          />
          <FilterChip
            name="verdict"
            any="all verdicts"
            value={verdict}
            options={options("allowed", "refused", "failed", "cancelled")}
            onChange={setVerdict}
          />
          <Button variant="text" onClick={hold.toggle} aria-pressed={hold.paused}>
            {hold.paused ? "Resume" : "Pause"}
          </Button>
        </>
      }
    >
      {read.error && rows.length === 0 ? (
        <Trouble error={read.error} what="The calls" retry={() => read.refetch()} />
      ) : empty ? (
        <Empty
          title={kind || verdict ? "No call fits these filters" : "No calls yet"}
          command={
            kind || verdict ? undefined : `curl ${location.origin}/v1/models -H "Authorization: Bearer $PORTICO_KEY"`
          }
          action={
            <Button variant="contained" onClick={onConnect}>
              Connect a client
            </Button>
          }
        >
          Every use of a service through Portico appears here the moment it happens. Point a client at this address, or
          send one call from a service's page.
        </Empty>
      ) : (
        <>
          <div {...hold.holders}>
            <CallTable
              label="The last calls"
              calls={read.data === undefined && rows.length === 0 ? undefined : hold.rows.slice(0, shown)}
              skeletonRows={shown}
            />
          </div>
          <div className="row apart" style={{ marginTop: 8 }}>
            <Link to="/calls">All calls</Link>
            <span className="dim" aria-live="polite">
              {hold.paused
                ? `paused, ${hold.waiting >= shown ? "many" : hold.waiting} new`
                : hold.waiting > 0
                  ? "held still while you point at it"
                  : ""}
            </span>
          </div>
        </>
      )}
    </Card>
  );
}
