import Button from "@mui/material/Button";
import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { approveTools, rejectTool, setToolTerms, toolDetail, toolTerms, waitingTools } from "../../api/queries/tools";
import { useMay } from "../../api/session";
import type { Tool } from "../../api/types";
import { FormDialog } from "../../parts/ask";
import { counted, tokens } from "../../parts/format";
import { Card } from "../../parts/page";
import { say } from "../../parts/toasts";
import { Empty, Loaded } from "../../parts/trouble";
import { Ago, Parts, Tag } from "../../parts/words";
import { changedFields } from "./diff";
import { DiffView } from "./diff-view";
import { ToolsHead } from "./head";
import { ToolPill } from "./words";

// So many show their difference at once; the others when they are opened.
const openAtOnce = 5;

function Glance({ id }: { id: string }) {
  const query = useQuery(toolDetail(id));
  return (
    <Loaded query={query} what="The difference">
      {({ tool, diff }) => (
        <div className="stack tight">
          {tool.approved_pin && (
            <div className="row" style={{ gap: 6 }}>
              <span className="dim">differs in</span>
              {changedFields(diff).map((field) => (
                <Tag key={field}>{field}</Tag>
              ))}
            </div>
          )}
          <DiffView label={`Difference of ${tool.name}`} lines={diff} />
        </div>
      )}
    </Loaded>
  );
}

interface RowProps {
  of: Tool;
  picked: boolean;
  opened: boolean;
  mayManage: boolean;
  onPick: (on: boolean) => void;
}

function Waiting({ of, picked, opened, mayManage, onPick }: RowProps) {
  const [open, setOpen] = useState(opened);
  const failed = (what: string) => (error: Error) => say(`Could not ${what} ${of.name}: ${error.message}`, "bad");
  const approve = useMutation({
    ...approveTools,
    onSuccess: () => say(`${of.name} is approved and offered to clients.`),
    onError: failed("approve"),
  });
  const reject = useMutation({
    ...rejectTool,
    onSuccess: () => say(`${of.name} stays held back until it changes again.`),
    onError: failed("reject"),
  });
  const decision = { id: of.id, pin: of.seen_pin };
  const busy = approve.isPending || reject.isPending;
  return (
    <section className="card stack tight" aria-label={`${of.server}/${of.name}`}>
      <div className="row apart">
        <div className="row">
          {mayManage && (
            <Checkbox
              checked={picked}
              onChange={(event) => onPick(event.target.checked)}
              slotProps={{ input: { "aria-label": `Pick ${of.server}/${of.name}` } }}
            />
          )}
          <Link to={`/tools/definitions/${of.id}`} className="strong mono" data-open>
            <Parts of={`${of.server}/${of.name}`} />
          </Link>
          <ToolPill state={of.state} />
          <span className="dim">
            seen <Ago at={of.changed_at} /> · about {tokens(of.tokens)}
          </span>
        </div>
        <div className="row">
          <Button variant="text" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? "Hide" : "Look"}
            <span className="hidden-text"> {of.name}</span>
          </Button>
          {mayManage && (
            <>
              <Button disabled={busy} onClick={() => reject.mutate(decision)}>
                Reject<span className="hidden-text"> {of.name}</span>
              </Button>
              <Button variant="contained" disabled={busy} onClick={() => approve.mutate([decision])}>
                Approve<span className="hidden-text"> {of.name}</span>
              </Button>
            </>
          )}
        </div>
      </div>
      {open && <Glance id={of.id} />}
    </section>
  );
}

function ApproveMany({ of, onDone, onClose }: { of: Tool[]; onDone: () => void; onClose: () => void }) {
  const [looked] = useState(of);
  const approve = useMutation({
    ...approveTools,
    onSuccess: () => {
      say(`${counted(looked.length, "tool")} approved.`);
      onDone();
    },
  });
  const servers = [...new Set(looked.map((it) => it.server))];
  const cost = looked.reduce((sum, it) => sum + it.tokens, 0);
  return (
    <FormDialog
      title={`Approve ${counted(looked.length, "tool")}?`}
      verb={`Approve ${counted(looked.length, "tool")}`}
      busy={approve.isPending}
      error={approve.error}
      onClose={onClose}
      onSubmit={() => approve.mutate(looked.map((it) => ({ id: it.id, pin: it.seen_pin })))}
    >
      <p>
        Within a second everybody who may call {servers.join(", ")} is offered{" "}
        {looked.length === 1 ? "this tool" : "these tools"} with the definition shown here, and may call{" "}
        {looked.length === 1 ? "it" : "them"}. That puts about {tokens(cost)} into the context of a model that lists
        them. When a definition changed again meanwhile, none of them is approved.
      </p>
      <ul className="stack tight">
        {looked.map((it) => (
          <li key={it.id} className="mono break">
            {it.server}/{it.name}
          </li>
        ))}
      </ul>
    </FormDialog>
  );
}

function Queue({ tools, mayManage }: { tools: Tool[]; mayManage: boolean }) {
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [asked, setAsked] = useState(false);
  const chosen = tools.filter((it) => picked.has(it.id)).slice(0, 200);
  const pick = (id: string, on: boolean) =>
    setPicked((before) => new Set(on ? [...before, id] : [...before].filter((it) => it !== id)));
  return (
    <>
      {mayManage && (
        <div className="row apart">
          <FormControlLabel
            label={`All ${counted(tools.length, "tool")}`}
            control={
              <Checkbox
                checked={chosen.length === tools.length}
                indeterminate={chosen.length > 0 && chosen.length < tools.length}
                onChange={(event) => setPicked(new Set(event.target.checked ? tools.map((it) => it.id) : []))}
              />
            }
          />
          <Button variant="contained" disabled={chosen.length === 0} onClick={() => setAsked(true)}>
            Approve {chosen.length > 0 ? counted(chosen.length, "tool") : "those picked"}…
          </Button>
        </div>
      )}
      {tools.map((tool, place) => (
        <Waiting
          key={tool.id}
          of={tool}
          picked={picked.has(tool.id)}
          opened={place < openAtOnce}
          mayManage={mayManage}
          onPick={(on) => pick(tool.id, on)}
        />
      ))}
      {asked && (
        <ApproveMany
          of={chosen}
          onDone={() => {
            setPicked(new Set());
            setAsked(false);
          }}
          onClose={() => setAsked(false)}
        />
      )}
    </>
  );
}

function Always({ mayManage }: { mayManage: boolean }) {
  const query = useQuery(toolTerms);
  const save = useMutation({
    ...setToolTerms,
    onSuccess: ({ quarantine_always }) =>
      say(quarantine_always ? "Every new tool waits for approval." : "First listings of trusted servers are approved."),
    onError: (error) => say(`Could not change it: ${error.message}`, "bad"),
  });
  if (!query.data) return null;
  return (
    <FormControlLabel
      disabled={!mayManage || save.isPending}
      label="Hold back the tools of a server's first listing, too"
      control={
        <Checkbox
          checked={query.data.quarantine_always}
          onChange={(event) => save.mutate({ quarantine_always: event.target.checked })}
        />
      }
    />
  );
}

export function Quarantine() {
  const query = useQuery(waitingTools);
  const mayManage = useMay("tools.manage");
  return (
    <>
      <ToolsHead at="quarantine" />
      <Loaded query={query} what="The quarantine">
        {(tools) =>
          tools.length === 0 ? (
            <Card>
              <Empty title="Nothing waits" command="portico tools list --state changed">
                A tool that a server shows for the first time, or with another definition than the approved one, is held
                back here with the difference, line by line. No client sees it or can call it until you approve it.
              </Empty>
            </Card>
          ) : (
            <Queue tools={tools} mayManage={mayManage} />
          )
        }
      </Loaded>
      <div>
        <Always mayManage={mayManage} />
      </div>
    </>
  );
}
