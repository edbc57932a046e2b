import Dialog from "@mui/material/Dialog";
import { useColorScheme } from "@mui/material/styles";
import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useDeferredValue, useState } from "react";
import { useNavigate } from "react-router";
import { serviceSearch } from "../../api/queries/services";
import { useMe } from "../../api/session";
import { pathOf } from "../agents/paths";
import { useLeave, useSwitch } from "./moves";
import type { Group } from "./rooms";

interface Choice {
  id: string;
  name: string;
  kind: string;
  run: () => void;
}

function useDeeds(onHelp: () => void): Choice[] {
  const me = useMe();
  const navigate = useNavigate();
  const leave = useLeave();
  const { go } = useSwitch();
  const { setMode } = useColorScheme();
  const org = me.org;
  const deed = (id: string, name: string, run: () => void): Choice => ({ id, name, kind: "do", run });
  const may = (permission: (typeof me.permissions)[number]) => me.permissions.includes(permission);
  const deeds: Choice[] = [];
  if (org) deeds.push(deed("connect", "Connect a client", () => navigate("/?connect=1")));
  if (may("services.manage")) deeds.push(deed("register", "Register a service", () => navigate("/services/new")));
  if (may("agents.manage")) deeds.push(deed("agent", "Register an agent", () => navigate("/agents/new")));
  if (may("keys.manage")) deeds.push(deed("key", "Create a key", () => navigate("/keys?new=1")));
  if (may("members.manage")) deeds.push(deed("invite", "Invite a person", () => navigate("/members?new=1")));
  if (may("budgets.manage")) deeds.push(deed("budget", "Create a budget", () => navigate("/budgets?new=1")));
  if (may("secrets.manage")) deeds.push(deed("secret", "Store a secret", () => navigate("/secrets?new=1")));
  if (may("tools.read"))
    deeds.push(deed("quarantine", "Decide about held back tools", () => navigate("/tools/quarantine")));
  if (may("policies.manage")) deeds.push(deed("policy", "Write a policy", () => navigate("/policies/new")));
  if (may("webhooks.manage")) deeds.push(deed("webhook", "Add a webhook", () => navigate("/webhooks/new")));
  if (may("events.manage")) deeds.push(deed("dead", "Mend dead letters", () => navigate("/events/dead-letters")));
  if (org) deeds.push(deed("notices", "Read notices", () => navigate("/notices")));
  for (const scope of me.orgs.find((it) => it.id === org?.id)?.scopes ?? []) {
    if (org && scope !== me.scope)
      deeds.push(deed(`scope-${scope}`, `Switch to scope ${scope}`, () => go(org.id, scope)));
  }
  for (const other of me.orgs) {
    if (other.id !== org?.id)
      deeds.push(
        deed(`org-${other.id}`, `Switch to org ${other.name}`, () => go(other.id, other.scopes[0] ?? me.scope)),
      );
  }
  deeds.push(deed("light", "Use the light theme", () => setMode("light")));
  deeds.push(deed("dark", "Use the dark theme", () => setMode("dark")));
  deeds.push(deed("keys-help", "Show keyboard shortcuts", onHelp));
  deeds.push(deed("out", "Sign out", leave));
  return deeds;
}

function useFound(typed: string): Choice[] {
  const navigate = useNavigate();
  const me = useMe();
  const q = useDeferredValue(typed.trim());
  const enabled = q.length >= 2 && me.org !== null && me.permissions.includes("services.read");
  const search = useQuery({ ...serviceSearch(q, {}), enabled });
  const found: Choice[] = [];
  if (/^call_\w+$/.test(q))
    found.push({ id: q, name: `Open call ${q}`, kind: "call", run: () => navigate(`/calls/${q}`) });
  else if (q.length >= 4 && me.permissions.includes("calls.read") && me.org) {
    found.push({
      id: "calls",
      name: `Find calls with id “${q}”`,
      kind: "call",
      run: () => navigate(`/calls?q=${encodeURIComponent(q)}`),
    });
  }
  const services = (search.data ?? []).slice(0, 6).map(
    ({ service }): Choice => ({
      id: service.id,
      name: service.name,
      kind: `service · ${service.kind}`,
      run: () => navigate(service.kind === "agent" ? pathOf(service) : `/services/${service.name}`),
    }),
  );
  return [...services, ...found];
}

export function Palette({ groups, onClose, onHelp }: { groups: Group[]; onClose: () => void; onHelp: () => void }) {
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const deeds = useDeeds(onHelp);
  const found = useFound(typed);
  const places = groups.flatMap((group) =>
    group.rooms.map((room): Choice => ({ id: room.to, name: room.name, kind: "go", run: () => navigate(room.to) })),
  );
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (choice: Choice) => words.every((word) => choice.name.toLowerCase().includes(word));
  const choices = [...places.filter(fits), ...deeds.filter(fits), ...found];
  const current = Math.min(at, choices.length - 1);

  function choose(choice: Choice | undefined) {
    if (!choice) return;
    onClose();
    choice.run();
  }
  function press(event: KeyboardEvent) {
    if (event.key === "ArrowDown") setAt(Math.min(choices.length - 1, current + 1));
    else if (event.key === "ArrowUp") setAt(Math.max(0, current - 1));
    else if (event.key === "Enter") choose(choices[current]);
    else return;
    event.preventDefault();
  }
  return (
    <Dialog
      open
      onClose={onClose}
      aria-labelledby="palette-name"
      sx={{ "& .MuiDialog-container": { alignItems: "flex-start" } }}
    >
      <h2 id="palette-name" className="hidden-text">
        Find or do
      </h2>
      <input
        className="palette-input"
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={choices[current] ? `choice-${current}` : undefined}
        aria-label="Find or do"
        placeholder="A room, an action, a service, a call id…"
        value={typed}
        onKeyDown={press}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
        }}
      />
      <div className="palette-list" role="listbox" id="palette-list" aria-label="Matches">
        {choices.map((choice, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard drives the list from the field above
          // biome-ignore lint/a11y/useFocusableInteractive: as above
          <div
            key={`${choice.kind} ${choice.id}`}
            role="option"
            id={`choice-${index}`}
            aria-selected={index === current}
            ref={index === current ? (row) => row?.scrollIntoView({ block: "nearest" }) : undefined}
            onPointerMove={() => setAt(index)}
            onClick={() => choose(choice)}
          >
            <span>{choice.name}</span>
            <span className="dim">{choice.kind}</span>
          </div>
        ))}
      </div>
      {choices.length === 0 && (
        <p className="dim" style={{ padding: "0 18px 16px" }}>
          Nothing fits “{typed}”.
        </p>
      )}
    </Dialog>
  );
}
