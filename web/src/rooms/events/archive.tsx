import Button from "@mui/material/Button";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { archiveList, downloadArchive } from "../../api/queries/events";
import type { EventArchive } from "../../api/types";
import { bytes, count } from "../../parts/format";
import { Card, PageHead } from "../../parts/page";
import { type Column, More, Table } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { EventTabs } from "./tabs";

function columnsFor(download: (archive: EventArchive) => void, busy: string | undefined): Column<EventArchive>[] {
  return [
    { name: "Until", nowrap: true, cell: (it) => <span className="mono">{it.day}</span> },
    {
      name: "Positions in the log",
      wide: true,
      cell: (it) => `${count(it.first_seq)} to ${count(it.last_seq)}`,
    },
    { name: "Size", right: true, nowrap: true, hide: "s", cell: (it) => bytes(it.bytes) },
    {
      name: "Download",
      silent: true,
      right: true,
      nowrap: true,
      cell: (it) => (
        <Button variant="text" disabled={busy !== undefined} onClick={() => download(it)}>
          {busy === it.id ? "Downloading…" : "Download"}
          <span className="hidden-text"> the archive until {it.day}</span>
        </Button>
      ),
    },
  ];
}

export function EventArchives() {
  const query = useInfiniteQuery(archiveList);
  const download = useMutation(downloadArchive);
  const rows = query.data?.pages.flatMap((page) => page.items);
  const busy = download.isPending ? download.variables.id : undefined;
  return (
    <>
      <PageHead title="Events" tab="Archive" line="events that were too old for the log, kept in files" />
      <EventTabs at="archive" />
      {query.error && <Trouble error={query.error} what="The archives" retry={() => query.refetch()} />}
      {download.error && <Trouble error={download.error} what="The archive" />}
      {rows?.length === 0 ? (
        <Card title="Files">
          <Empty title="Nothing has left the log yet" command="portico events archives">
            Events older than record.keep_events_days leave the log once a day. Their files appear here; a download
            holds the events of this scope, a line of JSON each.
          </Empty>
        </Card>
      ) : (
        !(query.error && !rows) && (
          <div className="card flush">
            <Table
              label="Archives"
              columns={columnsFor((it) => download.mutate(it), busy)}
              rows={rows}
              rowKey={(it) => it.id}
              tall
            />
            {rows && <More shown={rows.length} noun="archive" {...query} />}
          </div>
        )
      )}
    </>
  );
}
