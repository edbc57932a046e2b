import Button from "@mui/material/Button";
import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { eventTypes } from "../../api/queries/events";
import type { EventType } from "../../api/types";
import { counted } from "../../parts/format";
import { Lines, Trouble } from "../../parts/trouble";
import { bare, groupsOf, type KindGroup } from "../events/kinds";
import { chosenIn, covers, strangers, whole, withGroup, withKind } from "./choice";

interface Props {
  kinds: string[];
  problem: string | undefined;
  onChange: (kinds: string[]) => void;
}

function Kind({ type, checked, onCheck }: { type: EventType; checked: boolean; onCheck: (on: boolean) => void }) {
  return (
    <FormControlLabel
      sx={{ alignItems: "flex-start", mr: 0 }}
      label={
        <>
          <span className="mono break">{bare(type.kind)}</span>
          <br />
          <span className="dim">{type.summary}</span>
        </>
      }
      control={<Checkbox checked={checked} onChange={(event) => onCheck(event.target.checked)} />}
    />
  );
}

function Group({ group, kinds, word, onChange }: { group: KindGroup; word: string } & Omit<Props, "problem">) {
  const [open, setOpen] = useState(false);
  const chosen = chosenIn(kinds, group);
  const all = kinds.includes(whole(group));
  const shown = group.types.filter((type) => !word || `${type.kind} ${type.summary}`.toLowerCase().includes(word));
  const isOpen = open || word !== "";
  const name = group.noun.replaceAll("_", " ");
  return (
    <li>
      <div className="row apart" style={{ flexWrap: "nowrap" }}>
        <FormControlLabel
          label={
            <>
              All of <strong>{name}</strong>
            </>
          }
          control={
            <Checkbox
              checked={all}
              indeterminate={!all && chosen > 0}
              onChange={(event) => onChange(withGroup(kinds, group, event.target.checked))}
            />
          }
        />
        <button
          type="button"
          className="plain-button dim"
          aria-expanded={isOpen}
          onClick={() => setOpen(!open)}
          style={{ whiteSpace: "nowrap" }}
        >
          {chosen} of {counted(group.types.length, "kind")}
          <span className="hidden-text"> of {name}</span> <span aria-hidden="true">{isOpen ? "▴" : "▾"}</span>
        </button>
      </div>
      {isOpen && (
        <div className="checks">
          {shown.map((type) => (
            <Kind
              key={type.kind}
              type={type}
              checked={covers(kinds, type.kind)}
              onCheck={(on) => onChange(withKind(kinds, group, type, on))}
            />
          ))}
        </div>
      )}
    </li>
  );
}

function Own({ kinds, unknown, onChange }: { unknown: string[] } & Omit<Props, "problem">) {
  const [typed, setTyped] = useState("");
  const text = typed.trim();
  const fits = /^[a-z][a-z_]*(\.[a-z][a-z_]*)*(\.\*|\.v[1-9]\d*)?$/.test(text);
  const add = () => {
    if (!fits) return;
    onChange([...kinds.filter((it) => it !== text), text]);
    setTyped("");
  };
  return (
    <div className="row">
      <input
        className="search"
        aria-label="A kind of your own"
        placeholder="A kind of your own, such as order.*"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          add();
        }}
      />
      <Button onClick={add} disabled={!fits}>
        Add kind
      </Button>
      {unknown.map((pattern) => (
        <button
          key={pattern}
          type="button"
          className="chip on"
          aria-label={`Remove ${pattern}`}
          onClick={() => onChange(kinds.filter((it) => it !== pattern))}
        >
          {pattern} <span aria-hidden="true">×</span>
        </button>
      ))}
    </div>
  );
}

/** Everything, whole groups, or single kinds. */
export function KindsPicker({ kinds, problem, onChange }: Props) {
  const query = useQuery(eventTypes);
  const [typed, setTyped] = useState("");
  const groups = groupsOf(query.data ?? []);
  const word = typed.trim().toLowerCase();
  const everything = kinds.includes("*");
  const fits = (group: KindGroup) =>
    !word || group.types.some((type) => `${type.kind} ${type.summary}`.toLowerCase().includes(word));
  return (
    <fieldset className="stack tight" style={{ border: 0, margin: 0, padding: 0 }}>
      <legend className="strong">It gets these events</legend>
      <FormControlLabel
        label="Everything, also kinds that come later"
        control={<Checkbox checked={everything} onChange={(event) => onChange(event.target.checked ? ["*"] : [])} />}
      />
      {query.error && <Trouble error={query.error} what="The kinds of events" retry={() => query.refetch()} />}
      {query.isPending && <Lines />}
      {!everything && query.data && (
        <>
          <input
            className="search"
            type="search"
            aria-label="Search kinds"
            placeholder="Search kinds"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <ul className="picker">
            {groups.filter(fits).map((group) => (
              <Group key={group.noun} group={group} kinds={kinds} word={word} onChange={onChange} />
            ))}
          </ul>
          <Own kinds={kinds} unknown={strangers(kinds, groups)} onChange={onChange} />
        </>
      )}
      {problem && <p className="bad">{problem}</p>}
    </fieldset>
  );
}
