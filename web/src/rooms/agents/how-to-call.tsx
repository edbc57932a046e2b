import { useState } from "react";
import { Link } from "react-router";
import { useMay } from "../../api/session";
import type { Agent } from "../../api/types";
import { Code } from "../../parts/copy";
import { Card } from "../../parts/page";
import { cliOf, curlOf, pythonOf } from "./code";

const ways = { curl: "curl", python: "Python, a2a-sdk", cli: "Portico's command line" };
type Way = keyof typeof ways;

/** The exact call, for those who come with a program of their own. */
export function Equivalents({ of, text }: { of: Agent; text: string }) {
  const [way, setWay] = useState<Way>("curl");
  const said = { url: of.url, text, streaming: of.card.streaming };
  const codes: Record<Way, string> = { curl: curlOf(said), python: pythonOf(said), cli: cliOf(of.name, text) };
  return (
    <div className="stack tight">
      <fieldset className="row" style={{ border: 0, margin: 0, padding: 0 }}>
        <legend className="hidden-text">Call it with</legend>
        {(Object.keys(ways) as Way[]).map((each) => (
          <button
            key={each}
            type="button"
            className={way === each ? "chip on" : "chip"}
            aria-pressed={way === each}
            onClick={() => setWay(each)}
          >
            {ways[each]}
          </button>
        ))}
      </fieldset>
      <Code label="The call" text={codes[way]} straight={way === "python"} />
    </div>
  );
}

export function HowToCall({ of, example }: { of: Agent; example: string | undefined }) {
  const mayKeys = useMay("keys.manage");
  return (
    <Card title="How to call it" label="How to call it">
      <div className="stack tight">
        <p>
          Any A2A client will do. Give it the address and a key of Portico as its bearer token; the card wants the key
          too.{" "}
          {mayKeys ? (
            <Link to="/keys?new=1">Make a key</Link>
          ) : (
            <>
              Ask an administrator for a key with the permission <code>services.call</code>.
            </>
          )}
        </p>
        <Equivalents of={of} text={example ?? "What can you do?"} />
      </div>
    </Card>
  );
}
