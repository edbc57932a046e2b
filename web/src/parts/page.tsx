import type { ReactNode } from "react";
import { Link } from "react-router";

interface HeadProps {
  title: ReactNode;
  /** The words of the browser tab, where the title is more than words. */
  tab: string;
  line?: ReactNode;
  back?: { to: string; name: string };
  marks?: ReactNode;
  actions?: ReactNode;
}

export function PageHead({ title, tab, line, back, marks, actions }: HeadProps) {
  return (
    <header className="page-head">
      <title>{`${tab} · Portico`}</title>
      <div className="words">
        {back && (
          <nav aria-label="Breadcrumb" className="dim">
            <Link to={back.to} data-back className="dim">
              {back.name}
            </Link>{" "}
            /
          </nav>
        )}
        <h1>{title}</h1>
        {marks && <span className="row">{marks}</span>}
        {line && <p className="dim">{line}</p>}
      </div>
      {actions && <div className="row">{actions}</div>}
    </header>
  );
}

interface CardProps {
  title?: ReactNode;
  aside?: ReactNode;
  flush?: boolean;
  label?: string;
  children: ReactNode;
}

export function Card({ title, aside, flush, label, children }: CardProps) {
  return (
    <section className={flush ? "card flush" : "card"} aria-label={label}>
      {(title || aside) && (
        <div className="card-head">
          {title ? <h2>{title}</h2> : <span />}
          {aside && <div className="row">{aside}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

export function Facts({ of }: { of: [name: string, value: ReactNode][] }) {
  return (
    <dl className="facts">
      {of.map(([name, value]) => (
        <div key={name} style={{ display: "contents" }}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
