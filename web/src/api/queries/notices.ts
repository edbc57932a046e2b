import { mutationOptions, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { pagedQuery } from "../paging";
import { queryClient } from "../query-client";
import type { Notice, NoticeCount, Page } from "../types";

export const noticeList = (filters: { unread?: boolean }) =>
  pagedQuery<Notice>(["notices", "list"], "/notices", { ...filters });

export const latestNotices = queryOptions({
  queryKey: ["notices", "latest"],
  queryFn: ({ signal }) => client.get<Page<Notice>>("/notices", { page_size: 8 }, signal),
  select: (page) => page.items,
});

/** The socket tells of new ones; asking now and then covers a socket that is away. */
export const noticeCount = queryOptions({
  queryKey: ["notices", "count"],
  queryFn: async ({ signal }) => {
    const answer = await client.get<NoticeCount>("/notices/count", undefined, signal);
    const before = queryClient.getQueryData<NoticeCount>(["notices", "count"]);
    // Another number means that the lists on the screen are old as well.
    if (before && before.unread !== answer.unread) {
      void queryClient.invalidateQueries({ queryKey: ["notices", "list"] });
      void queryClient.invalidateQueries({ queryKey: ["notices", "latest"] });
    }
    return answer;
  },
  select: (answer) => answer.unread,
  refetchInterval: 30_000,
});

const stale = [["notices"]];
export const readNotice = mutationOptions({
  mutationFn: (id: string) => client.post<unknown>(`/notices/${encodeURIComponent(id)}/read`),
  // The number at the bell follows the finger; when the server refuses, it is read again with the rest.
  onMutate: () => {
    queryClient.setQueryData<NoticeCount>(noticeCount.queryKey, (before) =>
      before ? { unread: Math.max(0, before.unread - 1) } : before,
    );
  },
  onError: () => queryClient.invalidateQueries({ queryKey: ["notices"] }),
  meta: { stale },
});
export const readAllNotices = mutationOptions({
  mutationFn: () => client.post<unknown>("/notices/read-all"),
  meta: { stale },
});
