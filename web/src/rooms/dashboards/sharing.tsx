import type { Dashboard } from "../../api/queries/dashboards";
import { useMay, useMe } from "../../api/session";
import { Pill } from "../../parts/words";

/** Everybody who may manage dashboards edits a shared one; giving it away and ending it are its owner's and the admin's. */
export function useMayGive(dashboard: Dashboard): boolean {
  const me = useMe();
  return useMay("orgs.manage") || dashboard.owner.id === me.person?.id;
}

export function SharedPill({ shared }: { shared: Dashboard["shared"] }) {
  return <Pill tone={shared === "org" ? "accent" : "plain"}>{shared === "org" ? "everyone here" : "only you"}</Pill>;
}
