import { Component, type ReactNode } from "react";
import { Link } from "react-router";
import { Empty, Trouble } from "../../../parts/trouble";

/** Where a payload points to: a page of this installation, or an address elsewhere; anything else stays text. */
export function Away({ to, children }: { to: string | undefined; children: ReactNode }) {
  if (to && /^\/(?!\/)/.test(to)) return <Link to={to}>{children}</Link>;
  if (to && /^https?:\/\//.test(to)) {
    return (
      <a href={to} target="_blank" rel="noreferrer noopener">
        {children}
      </a>
    );
  }
  return <>{children}</>;
}

/** A widget that cannot be drawn says so in its own place, and leaves the rest of the page alone. */
export class Fence extends Component<{ what: string; of: unknown; children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  /** Other options may be drawn where the last ones could not. */
  override componentDidUpdate(before: { of: unknown }) {
    if (this.state.error && before.of !== this.props.of) this.setState({ error: null });
  }

  override render() {
    if (!this.state.error) return this.props.children;
    return <Trouble error={this.state.error} what={this.props.what} retry={() => this.setState({ error: null })} />;
  }
}

export function Unfilled({ what }: { what: string }) {
  return (
    <Empty title="No data yet">
      {what} shows what a program or a person puts into it: open its options to fill it by hand, or let a program
      propose a filled one.
    </Empty>
  );
}

/** How far along, in a bar and in words for those who do not see it. */
export function Progress({ percent, label, tone }: { percent: number; label: string; tone?: "warn" | "bad" }) {
  const shown = Math.min(100, Math.max(0, percent));
  return (
    // biome-ignore lint/a11y/useSemanticElements: the element of that name cannot be given the colours of the bars
    <div
      className="bar"
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(shown)}
      aria-valuetext={`${Math.round(percent)} %`}
    >
      <i className={tone} style={{ width: `${shown}%` }} />
    </div>
  );
}
