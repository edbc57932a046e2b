import Button from "@mui/material/Button";
import Tooltip from "@mui/material/Tooltip";
import { useState } from "react";
import { shortId } from "./format";
import { say } from "./toasts";

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without a secure context there is no clipboard API; the old way still works there.
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function useCopy(text: string) {
  const [copied, setCopied] = useState(false);
  return {
    copied,
    run: async () => {
      if (await copy(text)) {
        setCopied(true);
        setTimeout(() => setCopied(false), 1600);
      } else say("The browser did not allow copying; select the text and copy it by hand.", "bad");
    },
  };
}

export function CopyButton({
  text,
  name = "Copy",
  variant = "text",
}: {
  text: string;
  name?: string;
  variant?: "text" | "outlined" | "contained";
}) {
  const { copied, run } = useCopy(text);
  return (
    <Button variant={variant} onClick={run}>
      <span aria-live="polite">{copied ? "Copied" : name}</span>
    </Button>
  );
}

/** An id that copies itself when clicked. */
export function CopyId({ id, short }: { id: string; short?: boolean }) {
  const { copied, run } = useCopy(id);
  return (
    <Tooltip title={copied ? "Copied" : `Copy ${id}`}>
      <button type="button" className="plain-button mono break" onClick={run}>
        {short ? shortId(id) : id}
      </button>
    </Tooltip>
  );
}

export function Code({ text, label, straight }: { text: string; label: string; straight?: boolean }) {
  return (
    <div className={straight ? "code straight" : "code"}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <section className="code-text" aria-label={label} tabIndex={0}>
        <pre>{text}</pre>
      </section>
      <div className="copy">
        <CopyButton text={text} />
      </div>
    </div>
  );
}
