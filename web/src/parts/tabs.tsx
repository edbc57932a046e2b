import { Link } from "react-router";

/** Views of one room; each has an address of its own, so the tabs are links. */
export function TabLinks({
  label,
  at,
  tabs,
}: {
  label: string;
  at: string;
  tabs: { value: string; name: string; to: string }[];
}) {
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <Link key={tab.value} to={tab.to} aria-current={tab.value === at ? "page" : undefined}>
          {tab.name}
        </Link>
      ))}
    </nav>
  );
}
