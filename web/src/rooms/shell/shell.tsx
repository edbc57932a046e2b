import Button from "@mui/material/Button";
import Drawer from "@mui/material/Drawer";
import { Suspense, useCallback, useMemo, useState } from "react";
import { Link, Navigate, NavLink, Outlet, ScrollRestoration, useLocation } from "react-router";
import { useMe, useSession } from "../../api/session";
import { useFocusOnArrival, useKeyboard } from "../../live/keyboard";
import { useFollow, useLiveStatus } from "../../live/live";
import { hourMinute } from "../../parts/format";
import { Lines } from "../../parts/trouble";
import { Help } from "./help";
import { Palette } from "./palette";
import { type Group, groupsFor } from "./rooms";
import { Starting } from "./starting";
import { TopBar } from "./top-bar";

/** Decides between inside and outside: whoever is signed out goes to the sign-in page and comes back afterwards. */
export function Door() {
  const session = useSession();
  const place = useLocation();
  if (session.state === "starting") return <Starting />;
  const outside = place.pathname === "/sign-in" || place.pathname === "/invite";
  if (session.state === "out" && !outside) {
    const to = `${place.pathname}${place.search}`;
    return <Navigate to={to === "/" ? "/sign-in" : `/sign-in?to=${encodeURIComponent(to)}`} replace />;
  }
  return (
    <>
      <ScrollRestoration />
      <Suspense fallback={<Starting />}>
        <Outlet />
      </Suspense>
    </>
  );
}

export function Logo() {
  return (
    <svg
      width="22"
      height="22"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d="M3 9.5 12 3.5l9 6M4.5 20.5h15M6.5 10v8M12 10v8M17.5 10v8" />
    </svg>
  );
}

function Rail({ groups, onLeave, className }: { groups: Group[]; onLeave?: () => void; className: string }) {
  return (
    <nav className={className} aria-label="Rooms">
      <Link to="/" className="brand" onClick={onLeave}>
        <Logo /> Portico
      </Link>
      {groups.map((group) => (
        <div key={group.name ?? "home"}>
          {group.name && <h2>{group.name}</h2>}
          <ul>
            {group.rooms.map((room) => (
              <li key={room.to}>
                <NavLink to={room.to} end={room.to === "/"} className="rail-link" onClick={onLeave}>
                  {room.name}
                </NavLink>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

function OfflineBar() {
  const live = useLiveStatus();
  if (live.state !== "offline" && live.state !== "refused") return null;
  const since = live.state === "offline" ? hourMinute(live.since) : null;
  return (
    <div className="alarm" role="status">
      {since
        ? `Live data stopped at ${since}. What you see may be old; Portico keeps trying to reconnect.`
        : live.state === "refused" && live.why}
    </div>
  );
}

export function Shell() {
  const me = useMe();
  const groups = useMemo(() => groupsFor(me), [me]);
  const [railOpen, setRailOpen] = useState(false);
  const [over, setOver] = useState<"palette" | "help" | null>(null);
  const openPalette = useCallback(() => setOver("palette"), []);
  const openHelp = useCallback(() => setOver("help"), []);
  const letters = useMemo(
    () => Object.fromEntries(groups.flatMap((group) => group.rooms.map((room) => [room.letter, room.to]))),
    [groups],
  );
  useKeyboard({ openPalette, openHelp, rooms: letters });
  useFocusOnArrival();
  useFollow(me.org ? `${me.org.id}/${me.scope}` : null);
  return (
    <div className="frame">
      <a href="#main" className="skip">
        Skip to the page
      </a>
      <Rail groups={groups} className="rail" />
      <Drawer open={railOpen} onClose={() => setRailOpen(false)}>
        <Rail groups={groups} className="rail rail-drawer" onLeave={() => setRailOpen(false)} />
      </Drawer>
      <div style={{ minWidth: 0 }}>
        <TopBar
          onFind={openPalette}
          onHelp={openHelp}
          menu={
            <Button className="menu-button" onClick={() => setRailOpen(true)} aria-haspopup="dialog">
              Menu
            </Button>
          }
        />
        <OfflineBar />
        <main id="main" tabIndex={-1} key={`${me.org?.id}/${me.scope}`}>
          <Suspense fallback={<Lines />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
      {over === "palette" && <Palette groups={groups} onClose={() => setOver(null)} onHelp={openHelp} />}
      {over === "help" && <Help groups={groups} onClose={() => setOver(null)} />}
    </div>
  );
}
