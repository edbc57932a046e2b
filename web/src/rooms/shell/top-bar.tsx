import Button from "@mui/material/Button";
import Divider from "@mui/material/Divider";
import Menu from "@mui/material/Menu";
import MenuItem from "@mui/material/MenuItem";
import { useColorScheme } from "@mui/material/styles";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";
import { overview } from "../../api/queries/calls";
import { useMe } from "../../api/session";
import { useLiveStatus } from "../../live/live";
import { hourMinute } from "../../parts/format";
import { Pill } from "../../parts/words";
import { Bell } from "../notices/bell";
import { useLeave, useSwitch } from "./moves";

interface DropProps {
  prefix?: string;
  name: string;
  label: string;
  children: (close: () => void) => ReactNode;
}

function Drop({ prefix, name, label, children }: DropProps) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  return (
    <>
      <Button onClick={(event) => setAnchor(event.currentTarget)} aria-haspopup="menu" aria-expanded={anchor !== null}>
        {prefix ? (
          <span className="dim prefix" style={{ fontWeight: 400, marginRight: 6 }}>
            {prefix}
          </span>
        ) : (
          <span className="hidden-text">{label} </span>
        )}
        {name}&nbsp;<span aria-hidden="true">▾</span>
      </Button>
      <Menu anchorEl={anchor} open={anchor !== null} onClose={() => setAnchor(null)}>
        {children(() => setAnchor(null))}
      </Menu>
    </>
  );
}

function HealthPill() {
  const { data, isError } = useQuery(overview(3600));
  if (isError) return <Pill tone="warn">health unknown</Pill>;
  if (!data) return <Pill>health …</Pill>;
  const stale = data.health.gateways.some((gateway) => !gateway.fresh);
  if (data.health.status === "healthy" && !stale) {
    return (
      <Pill tone="ok" dot>
        <span className="hide-m">Portico </span>healthy
      </Pill>
    );
  }
  return (
    <Pill tone={data.health.status === "unhealthy" ? "bad" : "warn"} dot>
      {stale ? "gateway stale" : data.health.status}
    </Pill>
  );
}

export function LivePill() {
  const live = useLiveStatus();
  const words =
    live.state === "offline"
      ? `offline since ${hourMinute(live.since)}`
      : live.state === "refused"
        ? "not live"
        : live.state;
  const tone =
    live.state === "live" ? "plain" : live.state === "offline" || live.state === "refused" ? "warn" : "accent";
  return (
    <span role="status" aria-live="polite" aria-label={`Live data: ${words}`}>
      <Pill tone={tone}>{words}</Pill>
    </span>
  );
}

function Places() {
  const me = useMe();
  const { go } = useSwitch();
  const here = me.orgs.find((org) => org.id === me.org?.id);
  if (!me.org) return <Pill>no org</Pill>;
  return (
    <>
      <Drop prefix="Org" label="Org" name={me.org.name}>
        {(close) =>
          me.orgs.map((org) => (
            <MenuItem
              key={org.id}
              selected={org.id === me.org?.id}
              onClick={() => {
                close();
                go(org.id, org.scopes.includes(me.scope) ? me.scope : (org.scopes[0] ?? me.scope));
              }}
            >
              {org.name}
              <span className="dim" style={{ marginLeft: 12 }}>
                {org.role}
              </span>
            </MenuItem>
          ))
        }
      </Drop>
      <Drop prefix="Scope" label="Scope" name={me.scope}>
        {(close) =>
          (here?.scopes ?? [me.scope]).map((scope) => (
            <MenuItem
              key={scope}
              selected={scope === me.scope}
              onClick={() => {
                close();
                if (me.org) go(me.org.id, scope);
              }}
            >
              {scope}
            </MenuItem>
          ))
        }
      </Drop>
    </>
  );
}

function PersonMenu({ onHelp }: { onHelp: () => void }) {
  const me = useMe();
  const leave = useLeave();
  const { mode, setMode } = useColorScheme();
  const name = me.person?.name || me.person?.email || me.key?.name || "signed in";
  return (
    <Drop name={name} label="Person">
      {(close) => [
        <li key="who" className="dim" style={{ padding: "4px 16px 8px" }}>
          {me.person?.email}
          <br />
          {[me.role, me.is_owner && "owner", me.person?.is_superadmin && "superadmin"].filter(Boolean).join(" · ")}
        </li>,
        <Divider key="line" />,
        ...(["light", "dark", "system"] as const).map((choice) => (
          <MenuItem key={choice} selected={mode === choice} onClick={() => setMode(choice)}>
            {choice === "system" ? "Theme of the system" : `${choice === "light" ? "Light" : "Dark"} theme`}
          </MenuItem>
        )),
        <Divider key="line2" />,
        <MenuItem key="profile" component={Link} to="/settings?tab=profile" onClick={close}>
          My profile
        </MenuItem>,
        <MenuItem
          key="help"
          onClick={() => {
            close();
            onHelp();
          }}
        >
          Keyboard shortcuts
        </MenuItem>,
        <MenuItem
          key="out"
          onClick={() => {
            close();
            leave();
          }}
        >
          Sign out
        </MenuItem>,
      ]}
    </Drop>
  );
}

export function TopBar({ menu, onFind, onHelp }: { menu: ReactNode; onFind: () => void; onHelp: () => void }) {
  const me = useMe();
  return (
    <header className="topbar">
      {menu}
      <Places />
      <button type="button" className="find-button" onClick={onFind} aria-keyshortcuts="Control+K /">
        <span>
          Find<span className="hide-m"> or do anything…</span>
        </span>
        <kbd>Ctrl K</kbd>
      </button>
      <span className="spring" />
      {me.org && me.permissions.includes("calls.read") && <HealthPill />}
      {me.org && <LivePill />}
      {me.org && me.person && <Bell />}
      <PersonMenu onHelp={onHelp} />
    </header>
  );
}
