import { useState } from "react";
import { Code } from "../../parts/copy";

/** The same call from a shell and from Python, word for word. */
export function Equivalents({ curl, python }: { curl: string; python: string }) {
  const [shown, setShown] = useState<"curl" | "python">("curl");
  return (
    <div className="stack tight">
      <fieldset className="row" style={{ border: 0, margin: 0, padding: 0 }}>
        <legend className="hidden-text">The same call elsewhere</legend>
        <span className="dim">The same with</span>
        {(["curl", "python"] as const).map((kind) => (
          <button
            key={kind}
            type="button"
            className={shown === kind ? "chip on" : "chip"}
            aria-pressed={shown === kind}
            onClick={() => setShown(kind)}
          >
            {kind === "curl" ? "curl" : "Python"}
          </button>
        ))}
      </fieldset>
      <Code label="The same call" text={shown === "curl" ? curl : python} />
    </div>
  );
}
