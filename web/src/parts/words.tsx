import Tooltip from "@mui/material/Tooltip";
import { Fragment, type ReactNode } from "react";
import { ago, dash, exact } from "./format";
import { useNow } from "./now";

export type Tone = "plain" | "ok" | "warn" | "bad" | "accent";

export function Pill({ tone = "plain", dot, children }: { tone?: Tone; dot?: boolean; children: ReactNode }) {
  return (
    <span className={`pill ${tone}`}>
      {dot && <span className="dot" aria-hidden="true" />}
      {children}
    </span>
  );
}

export function Tag({ children }: { children: ReactNode }) {
  return <span className="tag">{children}</span>;
}

/** An address or a dotted name, which may break after its parts before it breaks anywhere. */
export function Parts({ of }: { of: string }) {
  const parts = of.split(/(?<=[@._/-])/);
  return (
    <span className="break">
      {parts.map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the parts stand in the order of the name
        <Fragment key={index}>
          {index > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </span>
  );
}

/** A relative time with the exact one on hover and for machines. */
export function Ago({ at, never = dash }: { at: string | null | undefined; never?: string }) {
  const now = useNow();
  if (!at) return <span className="dim">{never}</span>;
  return (
    <Tooltip title={exact(at)}>
      <time dateTime={at} style={{ whiteSpace: "nowrap" }}>
        {ago(at, Math.max(now, Date.now() - 5000))}
      </time>
    </Tooltip>
  );
}
