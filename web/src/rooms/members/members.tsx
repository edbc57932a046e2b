import Button from "@mui/material/Button";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { memberList } from "../../api/queries/tenancy";
import { useMay, useMe } from "../../api/session";
import type { Member } from "../../api/types";
import { SearchBox, useFilters } from "../../parts/filters";
import { Card, PageHead } from "../../parts/page";
import { type Column, More, Table } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { Ago, Parts, Pill } from "../../parts/words";
import { Grants } from "./grants";
import { Invitations, InviteDialog } from "./invitations";
import { EditMember, RemoveMember } from "./member-dialogs";

type Over = { kind: "edit" | "remove"; member: Member } | null;

function columnsFor(myId: string | undefined, mayManage: boolean, onOver: (over: Over) => void): Column<Member>[] {
  const columns: Column<Member>[] = [
    {
      name: "Name",
      cell: (member) => (
        <>
          <span className="strong break">{member.name}</span>
          {member.person_id === myId && <span className="dim"> (you)</span>}
          <div className="dim">
            <Parts of={member.email} />
          </div>
        </>
      ),
    },
    {
      name: "Role",
      nowrap: true,
      cell: (member) => (
        <span className="row" style={{ gap: 6 }}>
          {member.role}
          {member.is_owner && <Pill tone="accent">owner</Pill>}
        </span>
      ),
    },
    {
      name: "Scopes",
      hide: "m",
      cell: (member) => (member.scopes === null ? "all" : member.scopes.join(", ") || "none"),
    },
    { name: "Joined", hide: "l", nowrap: true, right: true, cell: (member) => <Ago at={member.joined_at} /> },
    {
      name: "Last seen",
      hide: "s",
      nowrap: true,
      right: true,
      cell: (member) => <Ago at={member.last_seen_at} never="never" />,
    },
  ];
  if (!mayManage) return columns;
  return [
    ...columns,
    {
      name: "Actions",
      silent: true,
      right: true,
      cell: (member) => (
        <span className="row end" style={{ gap: 0 }}>
          <Button variant="text" onClick={() => onOver({ kind: "edit", member })}>
            Change<span className="hidden-text"> {member.name}</span>
          </Button>
          {member.person_id !== myId && (
            <Button variant="text" color="error" onClick={() => onOver({ kind: "remove", member })}>
              Remove<span className="hidden-text"> {member.name}</span>
            </Button>
          )}
        </span>
      ),
    },
  ];
}

export function Members() {
  const { values, set } = useFilters(["q", "new"] as const);
  const query = useInfiniteQuery(memberList(values.q ?? ""));
  const me = useMe();
  const mayManage = useMay("members.manage");
  const [over, setOver] = useState<Over>(null);
  const rows = query.data?.pages.flatMap((page) => page.items);
  const close = () => setOver(null);
  return (
    <>
      <PageHead
        title="Members"
        tab="Members"
        line={`the people of ${me.org?.name ?? "this org"} and what they may do`}
        actions={
          mayManage && (
            <Button variant="contained" onClick={() => set({ new: "1" })}>
              Invite a person
            </Button>
          )
        }
      />
      <search className="filters">
        <SearchBox label="Search by name or email" value={values.q ?? ""} onChange={(q) => set({ q })} />
      </search>
      {query.error && <Trouble error={query.error} what="The members" retry={() => query.refetch()} />}
      {!(query.error && !rows) && (
        <Card flush>
          {rows?.length === 0 ? (
            <Empty
              title="Nobody fits"
              command={values.q ? undefined : "portico people invite dev@example.com --role developer"}
            >
              Try a part of the name or of the address.
            </Empty>
          ) : (
            <>
              <Table
                label="Members"
                columns={columnsFor(me.person?.id, mayManage, setOver)}
                rows={rows}
                rowKey={(member) => member.person_id}
              />
              {rows && <More shown={rows.length} noun="member" {...query} />}
            </>
          )}
        </Card>
      )}
      <Invitations mayManage={mayManage} />
      <Grants mayManage={mayManage} />
      {values.new && mayManage && <InviteDialog onClose={() => set({ new: null })} />}
      {over?.kind === "edit" && <EditMember member={over.member} onClose={close} />}
      {over?.kind === "remove" && <RemoveMember member={over.member} onClose={close} />}
    </>
  );
}
