import Menu from "@mui/material/Menu";
import MenuItem from "@mui/material/MenuItem";
import { useState } from "react";
import { useSearchParams } from "react-router";

/** Filters live in the address, so that a view can be sent to somebody else. */
export function useFilters<Name extends string>(names: readonly Name[]) {
  const [params, setParams] = useSearchParams();
  const values = Object.fromEntries(names.map((name) => [name, params.get(name) || undefined])) as Record<
    Name,
    string | undefined
  >;
  const set = (changes: Partial<Record<Name, string | null | undefined>>) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(changes) as [string, string | null | undefined][]) {
          if (value) next.set(name, value);
          else next.delete(name);
        }
        return next;
      },
      { replace: true },
    );
  const clear = () => set(Object.fromEntries(names.map((name) => [name, null])) as Partial<Record<Name, null>>);
  return { values, set, clear, any: names.some((name) => values[name]) };
}

export interface Option {
  value: string;
  name: string;
}

interface ChipProps {
  name: string;
  any?: string;
  value: string | undefined;
  options: Option[];
  onChange: (value: string | undefined) => void;
}

export function FilterChip({ name, any = `any ${name}`, value, options, onChange }: ChipProps) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const chosen = options.find((option) => option.value === value)?.name ?? value;
  const pick = (next: string | undefined) => {
    setAnchor(null);
    onChange(next);
  };
  return (
    <>
      <button
        type="button"
        className={value ? "chip on" : "chip"}
        aria-haspopup="menu"
        aria-expanded={anchor !== null}
        onClick={(event) => setAnchor(event.currentTarget)}
      >
        {value ? `${name}: ${chosen}` : any} <span aria-hidden="true">▾</span>
      </button>
      <Menu anchorEl={anchor} open={anchor !== null} onClose={() => setAnchor(null)}>
        <MenuItem selected={!value} onClick={() => pick(undefined)}>
          {any}
        </MenuItem>
        {options.map((option) => (
          <MenuItem key={option.value} selected={option.value === value} onClick={() => pick(option.value)}>
            {option.name}
          </MenuItem>
        ))}
      </Menu>
    </>
  );
}

/** A filter that was set from elsewhere (a link, say) and can only be taken away. */
export function FixedChip({ name, value, onClear }: { name: string; value: string; onClear: () => void }) {
  return (
    <button type="button" className="chip on" onClick={onClear} aria-label={`Remove filter ${name} ${value}`}>
      {name}: {value} <span aria-hidden="true">×</span>
    </button>
  );
}

export function SearchBox({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
}) {
  const [typed, setTyped] = useState(value);
  const [from, setFrom] = useState(value);
  if (from !== value) {
    setFrom(value);
    setTyped(value);
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onChange(typed.trim());
      }}
    >
      <input
        className="search"
        type="search"
        aria-label={label}
        placeholder={label}
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          if (event.target.value === "") onChange("");
        }}
        onBlur={() => typed.trim() !== value && onChange(typed.trim())}
      />
    </form>
  );
}

export const options = (...values: string[]): Option[] => values.map((value) => ({ value, name: value }));
