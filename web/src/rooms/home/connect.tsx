import Button from "@mui/material/Button";
import Dialog from "@mui/material/Dialog";
import DialogActions from "@mui/material/DialogActions";
import DialogContent from "@mui/material/DialogContent";
import DialogTitle from "@mui/material/DialogTitle";
import Tab from "@mui/material/Tab";
import Tabs from "@mui/material/Tabs";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { allServices } from "../../api/queries/services";
import { useMay } from "../../api/session";
import { Code, CopyButton } from "../../parts/copy";

function snippets(base: string, model: string, service: string) {
  return {
    curl: `export PORTICO_KEY=pk_...

curl ${base}/v1/chat/completions \\
  -H "Authorization: Bearer $PORTICO_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello"}]}'`,
    python: `from openai import OpenAI

client = OpenAI(base_url="${base}/v1", api_key="pk_...")
answer = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`,
    http: `# Any HTTP service of the hub stands under /svc/<name>/
curl ${base}/svc/${service}/ \\
  -H "Authorization: Bearer $PORTICO_KEY"`,
  };
}

/** What to change in a client so that its calls take the way through Portico. */
export function Connect({ onClose }: { onClose: () => void }) {
  const [tab, setTab] = useState<"curl" | "python" | "http">("curl");
  const services = useQuery({ ...allServices, enabled: useMay("services.read") }).data ?? [];
  const mayKeys = useMay("keys.manage");
  const model = services.flatMap((service) => service.models)[0] ?? "<model>";
  const http = services.find((service) => service.kind === "http")?.name ?? "<service>";
  const base = location.origin;
  return (
    <Dialog open onClose={onClose} maxWidth="md" aria-labelledby="connect-title">
      <DialogTitle id="connect-title">Connect a client</DialogTitle>
      <DialogContent>
        <div className="stack">
          <div className="row">
            <span className="dim">Base URL</span>
            <code className="break">{base}/v1</code>
            <CopyButton text={`${base}/v1`} />
          </div>
          <Tabs value={tab} onChange={(_, next) => setTab(next)} aria-label="Kind of client">
            <Tab value="curl" label="curl" id="tab-curl" aria-controls="snippet" />
            <Tab value="python" label="Python, openai" id="tab-python" aria-controls="snippet" />
            <Tab value="http" label="HTTP service" id="tab-http" aria-controls="snippet" />
          </Tabs>
          <div role="tabpanel" id="snippet" aria-labelledby={`tab-${tab}`}>
            <Code text={snippets(base, model, http)[tab]} label="Snippet" straight />
          </div>
          <p className="dim">
            The client needs a key of this org and scope.{" "}
            {mayKeys ? <Link to="/keys?new=1">Create a key</Link> : "Ask somebody who manages keys for one."}
          </p>
        </div>
      </DialogContent>
      <DialogActions>
        <Button onClick={onClose}>Close</Button>
      </DialogActions>
    </Dialog>
  );
}
