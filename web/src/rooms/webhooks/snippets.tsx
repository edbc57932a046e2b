import { useState } from "react";
import { Code } from "../../parts/copy";
import { snippets, type Way, ways } from "./verify";

/** How a receiver makes sure that a delivery is from here, and whole. */
export function Snippets() {
  const [way, setWay] = useState<Way>("python");
  return (
    <div className="stack tight">
      <fieldset className="row" style={{ border: 0, margin: 0, padding: 0 }}>
        <legend className="hidden-text">Verify a delivery with</legend>
        {ways.map(({ value, name }) => (
          <button
            key={value}
            type="button"
            className={way === value ? "chip on" : "chip"}
            aria-pressed={way === value}
            onClick={() => setWay(value)}
          >
            {name}
          </button>
        ))}
      </fieldset>
      <Code label="Verify a delivery" text={snippets[way]} straight />
    </div>
  );
}
