import Button from "@mui/material/Button";
import Skeleton from "@mui/material/Skeleton";
import type { ReactNode } from "react";
import { ApiError } from "../api/errors";
import { Code, CopyButton } from "./copy";

/** What happened, to what, what to do, and the id to hand on. */
export function Trouble({ error, retry, what }: { error: unknown; retry?: () => void; what?: string }) {
  const known = error instanceof ApiError ? error : null;
  return (
    <div className="notice bad stack tight" role="alert">
      <div>
        <strong>{what ? `${what}: ` : ""}</strong>
        {error instanceof Error ? error.message : "Something went wrong"}
        {known && known.status > 0 && <span className="mono"> ({known.code})</span>}
      </div>
      {known?.details && <div>{known.details}</div>}
      {known?.retryAfterS && <div>Try again in {known.retryAfterS} s.</div>}
      {(known?.correlationId || retry) && (
        <div className="row">
          {known?.correlationId && (
            <>
              <span className="mono break">{known.correlationId}</span>
              <CopyButton text={known.correlationId} name="Copy id" variant="outlined" />
            </>
          )}
          {retry && <Button onClick={retry}>Try again</Button>}
        </div>
      )}
    </div>
  );
}

export function Lines({ count = 4, height = 20 }: { count?: number; height?: number }) {
  return (
    <div className="stack tight" role="status" aria-label="Loading">
      {Array.from({ length: count }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike
        <Skeleton key={index} height={height} width={index === count - 1 ? "60%" : "100%"} />
      ))}
    </div>
  );
}

/** An empty place that teaches: what belongs here, the command, and the button. */
export function Empty({
  title,
  children,
  command,
  action,
}: {
  title: string;
  children?: ReactNode;
  command?: string;
  action?: ReactNode;
}) {
  return (
    <div className="empty">
      <h3>{title}</h3>
      {children && <p className="dim">{children}</p>}
      {command && <Code text={command} label="Command" straight />}
      {action}
    </div>
  );
}

interface Readable<T> {
  data: T | undefined;
  error: Error | null;
  isPending: boolean;
  refetch: () => unknown;
}

/** A query as it stands: skeleton, trouble, or the thing; with trouble above the thing when only the refresh failed. */
export function Loaded<T>({
  query,
  what,
  skeleton,
  children,
}: {
  query: Readable<T>;
  what: string;
  skeleton?: ReactNode;
  children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) {
    return (
      <>
        {query.error && (
          <Trouble error={query.error} what={`${what} may be out of date`} retry={() => query.refetch()} />
        )}
        {children(query.data)}
      </>
    );
  }
  if (query.error) return <Trouble error={query.error} what={what} retry={() => query.refetch()} />;
  return skeleton ?? <Lines />;
}
