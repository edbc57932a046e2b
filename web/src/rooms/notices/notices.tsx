import Button from "@mui/material/Button";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { noticeCount, noticeList, readAllNotices } from "../../api/queries/notices";
import { FilterChip, useFilters } from "../../parts/filters";
import { Card, PageHead } from "../../parts/page";
import { More } from "../../parts/table";
import { say } from "../../parts/toasts";
import { Empty, Lines, Trouble } from "../../parts/trouble";
import { NoticeLines } from "./notice-lines";

export function Notices() {
  const { values, set } = useFilters(["unread"] as const);
  const onlyUnread = values.unread === "1";
  const query = useInfiniteQuery(noticeList(onlyUnread ? { unread: true } : {}));
  const unread = useQuery(noticeCount).data ?? 0;
  const readAll = useMutation({
    ...readAllNotices,
    onSuccess: () => say("All notices are read."),
    onError: (error) => say(`Could not mark them as read: ${error.message}`, "bad"),
  });
  const rows = query.data?.pages.flatMap((page) => page.items);
  return (
    <>
      <PageHead
        title="Notices"
        tab="Notices"
        line="what needs a look, for you in this scope; kept for 90 days"
        actions={
          <Button onClick={() => readAll.mutate()} disabled={readAll.isPending || unread === 0}>
            Mark all read
          </Button>
        }
      />
      <search className="filters">
        <FilterChip
          name="show"
          any="read and unread"
          value={values.unread}
          options={[{ value: "1", name: "unread" }]}
          onChange={(next) => set({ unread: next })}
        />
      </search>
      {query.error && <Trouble error={query.error} what="The notices" retry={() => query.refetch()} />}
      {!rows && !query.error && <Lines count={6} height={36} />}
      {rows?.length === 0 && (
        <Card>
          <Empty title={onlyUnread ? "Nothing is unread" : "No notices yet"} command="portico notices list">
            {onlyUnread
              ? "You have seen everything."
              : "A budget that runs out, a service that stops answering, a webhook that is disabled, a key that is revoked: what needs a person is told here and at the bell above."}
          </Empty>
        </Card>
      )}
      {rows && rows.length > 0 && (
        <div className="card flush">
          <NoticeLines of={rows} label="Notices" />
          <More shown={rows.length} noun="notice" {...query} />
        </div>
      )}
    </>
  );
}
