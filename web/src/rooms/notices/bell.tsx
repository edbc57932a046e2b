import Button from "@mui/material/Button";
import Popover from "@mui/material/Popover";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { latestNotices, noticeCount, readAllNotices } from "../../api/queries/notices";
import { count } from "../../parts/format";
import { say } from "../../parts/toasts";
import { Lines, Loaded } from "../../parts/trouble";
import { NoticeLines } from "./notice-lines";

function BellIcon() {
  return (
    <svg
      width="16"
      height="16"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      aria-hidden="true"
    >
      <path
        d="M6 10a6 6 0 0 1 12 0c0 5 2 6 2 7H4c0-1 2-2 2-7ZM10 20.5h4"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}

function Latest({ unread, onClose }: { unread: number; onClose: () => void }) {
  const query = useQuery(latestNotices);
  const readAll = useMutation({
    ...readAllNotices,
    onError: (error) => say(`Could not mark them as read: ${error.message}`, "bad"),
  });
  return (
    <div className="stack tight">
      <div className="row apart">
        <h2 id="bell-title">Notices</h2>
        <span className="row">
          {unread > 0 && (
            <Button variant="text" onClick={() => readAll.mutate()} disabled={readAll.isPending}>
              Mark all read
            </Button>
          )}
          <Button variant="text" component={Link} to="/notices" onClick={onClose}>
            All notices
          </Button>
        </span>
      </div>
      <Loaded query={query} what="The notices" skeleton={<Lines />}>
        {(notices) =>
          notices.length === 0 ? (
            <p className="dim">Nothing needs you. A budget that runs out or a service that fails is told here.</p>
          ) : (
            <NoticeLines of={notices} label="The last notices" onFollow={onClose} />
          )
        }
      </Loaded>
    </div>
  );
}

/** How many notices wait for this person, and the last of them. */
export function Bell() {
  const unread = useQuery(noticeCount).data ?? 0;
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const close = () => setAnchor(null);
  return (
    <>
      <Button
        className="bell"
        onClick={(event) => setAnchor(event.currentTarget)}
        aria-haspopup="dialog"
        aria-expanded={anchor !== null}
      >
        <BellIcon />
        <span className="bell-word">Notices</span>
        {unread > 0 && <span className="bell-count">{unread > 99 ? "99+" : unread}</span>}
        <span className="hidden-text" aria-live="polite">
          {unread === 1 ? "1 unread" : `${count(unread)} unread`}
        </span>
      </Button>
      <Popover
        open={anchor !== null}
        anchorEl={anchor}
        onClose={close}
        anchorOrigin={{ vertical: "bottom", horizontal: "right" }}
        transformOrigin={{ vertical: "top", horizontal: "right" }}
        slotProps={{
          paper: {
            role: "dialog",
            "aria-labelledby": "bell-title",
            sx: { width: "min(440px, calc(100vw - 24px))", p: 4, border: "1px solid var(--line)" },
          },
        }}
      >
        <Latest unread={unread} onClose={close} />
      </Popover>
    </>
  );
}
