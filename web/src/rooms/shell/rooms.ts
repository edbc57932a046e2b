import type { Me, Permission } from "../../api/types";

export interface Room {
  name: string;
  to: string;
  letter: string;
  needs?: Permission;
}

export interface Group {
  name: string | null;
  rooms: Room[];
}

const groups: Group[] = [
  { name: null, rooms: [{ name: "Home", to: "/", letter: "h" }] },
  {
    name: "Use",
    rooms: [
      { name: "Services", to: "/services", letter: "s", needs: "services.read" },
      { name: "Models", to: "/models", letter: "l", needs: "models.read" },
      { name: "Tools", to: "/tools", letter: "u", needs: "tools.read" },
      { name: "Agents", to: "/agents", letter: "g", needs: "agents.read" },
    ],
  },
  {
    name: "Observe",
    rooms: [
      { name: "Calls", to: "/calls", letter: "c", needs: "calls.read" },
      { name: "Dashboards", to: "/dashboards", letter: "d", needs: "dashboards.read" },
      { name: "Events", to: "/events", letter: "e", needs: "events.read" },
      { name: "Audit", to: "/audit", letter: "a", needs: "audit.read" },
    ],
  },
  {
    name: "Manage",
    rooms: [
      { name: "Keys", to: "/keys", letter: "k", needs: "keys.read" },
      { name: "Members", to: "/members", letter: "m", needs: "members.read" },
      { name: "Budgets and limits", to: "/budgets", letter: "b", needs: "budgets.read" },
      { name: "Policies", to: "/policies", letter: "p", needs: "tools.read" },
      { name: "Secrets", to: "/secrets", letter: "x", needs: "secrets.read" },
      { name: "Webhooks", to: "/webhooks", letter: "w", needs: "webhooks.read" },
      { name: "Settings", to: "/settings", letter: "t" },
    ],
  },
];

/** The rooms this person may enter; no dead links. */
export function groupsFor(me: Me): Group[] {
  const may = (room: Room) => !room.needs || (me.org !== null && me.permissions.includes(room.needs));
  const open = groups
    .map((group) => ({ ...group, rooms: group.rooms.filter((room) => may(room) && (me.org || room.to !== "/")) }))
    .filter((group) => group.rooms.length > 0);
  if (!me.person?.is_superadmin) return open;
  return [...open, { name: "Platform", rooms: [{ name: "Orgs", to: "/orgs", letter: "o" }] }];
}
