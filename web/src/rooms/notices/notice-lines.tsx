import Button from "@mui/material/Button";
import { useMutation } from "@tanstack/react-query";
import { Link } from "react-router";
import { readNotice } from "../../api/queries/notices";
import type { Notice } from "../../api/types";
import { say } from "../../parts/toasts";
import { Ago, Pill, type Tone } from "../../parts/words";

const tones: Record<Notice["severity"], Tone> = { info: "plain", warning: "warn", error: "bad" };

/** A place in this client; anything else a notice could name is no link. */
export const placeIn = (link: string): string | null => (/^\/(?!\/)/.test(link) ? link : null);

function Line({ notice, onFollow }: { notice: Notice; onFollow: (() => void) | undefined }) {
  const read = useMutation({
    ...readNotice,
    onError: (error, id, before, context) => {
      say(`Could not mark the notice as read: ${error.message}`, "bad");
      return readNotice.onError?.(error, id, before, context);
    },
  });
  const place = placeIn(notice.link);
  const mark = () => {
    if (!notice.read && !read.isPending) read.mutate(notice.id);
  };
  return (
    <li className={notice.read ? "notice-line" : "notice-line unread"}>
      <div className="row apart">
        <span className="row">
          <Pill tone={tones[notice.severity] ?? "plain"}>{notice.severity}</Pill>
          {place ? (
            <Link
              to={place}
              className="strong break"
              onClick={() => {
                mark();
                onFollow?.();
              }}
            >
              {notice.title}
            </Link>
          ) : (
            <span className="strong break">{notice.title}</span>
          )}
        </span>
        <span className="row dim">
          <Ago at={notice.at} />
          {!notice.read && (
            <Button variant="text" onClick={mark} disabled={read.isPending}>
              Mark read<span className="hidden-text">: {notice.title}</span>
            </Button>
          )}
        </span>
      </div>
      {notice.text && <p className="dim break">{notice.text}</p>}
    </li>
  );
}

export function NoticeLines({ of, label, onFollow }: { of: Notice[]; label: string; onFollow?: () => void }) {
  return (
    <ul className="notices" aria-label={label}>
      {of.map((notice) => (
        <Line key={notice.id} notice={notice} onFollow={onFollow} />
      ))}
    </ul>
  );
}
