import { useState } from "react";
import type { ToolDiffLine } from "../../api/types";
import { counted } from "../../parts/format";
import { folded, type Shown } from "./diff";

const marks = { same: " ", added: "+", removed: "−" };
const spoken = { same: "", added: "added: ", removed: "removed: " };

function Line({ of }: { of: Shown }) {
  if (of.change === "folded") return <li className="fold dim">{counted(of.count, "line")} as before</li>;
  return (
    <li className={of.change}>
      <span aria-hidden="true">{marks[of.change]} </span>
      <span className="hidden-text">{spoken[of.change]}</span>
      {of.text}
    </li>
  );
}

/** Line by line from the one definition to the other; what stays the same is folded until it is asked for. */
export function DiffView({ label, lines }: { label: string; lines: ToolDiffLine[] }) {
  const [all, setAll] = useState(false);
  const short = folded(lines);
  const shown: Shown[] = all ? lines : short;
  return (
    <div className="stack tight">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <section className="diff" aria-label={label} tabIndex={0}>
        <ol>
          {shown.map((line, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the lines stand in the order of the text
            <Line key={place} of={line} />
          ))}
        </ol>
      </section>
      {short.length < lines.length && (
        <div>
          <button type="button" className="plain-button link" onClick={() => setAll(!all)}>
            {all ? "Show the changes only" : "Show every line"}
          </button>
        </div>
      )}
    </div>
  );
}
