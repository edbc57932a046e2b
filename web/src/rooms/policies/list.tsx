import Button from "@mui/material/Button";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { allPolicies, movePolicies } from "../../api/queries/policies";
import { useMay } from "../../api/session";
import type { Policy } from "../../api/types";
import { counted } from "../../parts/format";
import { Card } from "../../parts/page";
import { type Column, Table } from "../../parts/table";
import { say } from "../../parts/toasts";
import { Empty, Trouble } from "../../parts/trouble";
import { Ago, Pill } from "../../parts/words";
import { movesFor } from "./draft";
import { PoliciesHead } from "./head";
import { EffectPill } from "./words";

function Covers({ of }: { of: Policy }) {
  const whom = of.subjects.length > 0 ? counted(of.subjects.length, "subject") : "everybody";
  return (
    <>
      <div className="mono break">{of.targets.length > 0 ? of.targets.join(", ") : "every tool"}</div>
      <div className="dim">{whom}</div>
    </>
  );
}

function Move({ policies, place, busy, move }: MoveProps) {
  const name = policies[place]?.name;
  return (
    <span className="row" style={{ gap: 2, flexWrap: "nowrap" }}>
      {([-1, 1] as const).map((by) => (
        <Button
          key={by}
          variant="text"
          aria-label={`Ask ${name} ${by < 0 ? "earlier" : "later"}`}
          disabled={busy || place + by < 0 || place + by >= policies.length}
          onClick={() => move(place, by)}
          sx={{ minWidth: 28, px: 1 }}
        >
          <span aria-hidden="true">{by < 0 ? "↑" : "↓"}</span>
        </Button>
      ))}
    </span>
  );
}

interface MoveProps {
  policies: Policy[];
  place: number;
  busy: boolean;
  move: (place: number, by: -1 | 1) => void;
}

function columnsFor(ordering: Omit<MoveProps, "place"> | null): Column<Policy>[] {
  const columns: Column<Policy>[] = [
    {
      name: "Policy",
      wide: true,
      cell: (policy) => (
        <>
          <Link to={`/policies/${policy.id}`} className="strong break" data-open>
            {policy.name}
          </Link>
          <div className="mono dim break">{policy.expression}</div>
        </>
      ),
    },
    {
      name: "Effect",
      nowrap: true,
      cell: (policy) => (
        <span className="row" style={{ gap: 6 }}>
          <EffectPill effect={policy.effect} />
          {!policy.enabled && <Pill>off</Pill>}
        </span>
      ),
    },
    { name: "Covers", hide: "s", cell: (policy) => <Covers of={policy} /> },
    { name: "Changed", right: true, nowrap: true, hide: "m", cell: (policy) => <Ago at={policy.updated_at} /> },
  ];
  if (!ordering) return columns;
  const order: Column<Policy> = {
    name: "Order",
    nowrap: true,
    hide: "s",
    cell: (policy) => <Move {...ordering} place={ordering.policies.indexOf(policy)} />,
  };
  return [order, ...columns];
}

export function PolicyList() {
  const query = useQuery(allPolicies);
  const mayManage = useMay("policies.manage");
  const move = useMutation({
    ...movePolicies,
    onError: (error) => say(`Could not change the order: ${error.message}`, "bad"),
  });
  const rows = query.data;
  const create = mayManage && (
    <Button component={Link} to="/policies/new" variant="contained">
      Write a policy
    </Button>
  );
  const ordering = mayManage &&
    rows && {
      policies: rows,
      busy: move.isPending,
      move: (place: number, by: -1 | 1) => move.mutate(movesFor(rows, place, by)),
    };
  return (
    <>
      <PoliciesHead at="policies" actions={create} />
      {query.error && <Trouble error={query.error} what="The policies" retry={() => query.refetch()} />}
      {rows?.length === 0 ? (
        <Card>
          <Empty
            title="No policies yet"
            command={`portico policies create no-etc --effect deny --target 'files/*' --when 'has(args.path) && args.path.startsWith("/etc")'`}
            action={create}
          >
            Without a policy, whoever may call a tool server may call each of its approved tools with any arguments. A
            policy says which tools, by whom, with what. It is an expression over the caller, the server, the tool and
            the arguments, judged at each call before it leaves.
          </Empty>
        </Card>
      ) : (
        !(query.error && !rows) && (
          <>
            <div className="card flush">
              <Table label="Policies" columns={columnsFor(ordering || null)} rows={rows} rowKey={(it) => it.id} opens />
              {rows && (
                <div className="table-foot">
                  <span>{counted(rows.length, "policy", "policies")}, asked from the top</span>
                </div>
              )}
            </div>
            <p className="dim">
              The first that denies or hides decides, and no allow changes that. Else one that allows decides. Else what
              an allowing policy covers is denied, and the rest is allowed.
            </p>
          </>
        )
      )}
    </>
  );
}
