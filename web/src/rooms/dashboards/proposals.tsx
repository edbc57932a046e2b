import Button from "@mui/material/Button";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { answerProposal, type Proposal, proposalList } from "../../api/queries/dashboards";
import { useMay } from "../../api/session";
import type { State } from "../../api/widgets";
import { counted } from "../../parts/format";
import { say } from "../../parts/toasts";
import { Trouble } from "../../parts/trouble";
import { Ago, Pill } from "../../parts/words";
import { typeNames, WidgetBody } from "./widgets/widget";

function Preview({ of, state }: { of: Proposal; state: State | null }) {
  return (
    <div className="proposal-widgets">
      {of.widgets.map((widget) => (
        <section key={widget.id} className="card widget proposed" aria-label={widget.title}>
          <div className="card-head">
            <h3 className="break">{widget.title}</h3>
            <Pill tone={state?.widgets[widget.id] ? "warn" : "accent"}>
              {state?.widgets[widget.id] ? `replaces ${state.widgets[widget.id]?.title}` : typeNames[widget.type]}
            </Pill>
          </div>
          <div className="widget-body">
            <WidgetBody of={widget} />
          </div>
        </section>
      ))}
    </div>
  );
}

function Banner({ of, dashboardId, state }: { of: Proposal; dashboardId: string; state: State | null }) {
  const [open, setOpen] = useState(true);
  const mayAnswer = useMay("dashboards.manage");
  const { mutate, isPending, error } = useMutation({
    ...answerProposal(dashboardId),
    onSuccess: (_answer, { answer }) => say(answer === "keep" ? `Kept: ${of.title}.` : `Discarded: ${of.title}.`),
  });
  const answer = (answer: "keep" | "discard") => mutate({ proposal: of.id, answer });
  return (
    <section className="proposal" aria-label={`Proposal: ${of.title}`}>
      <div className="row apart">
        <div className="row">
          <h2>
            Proposed by <strong className="break">{of.by.name || of.by.kind}</strong>:{" "}
            <strong className="break">{of.title}</strong>
          </h2>
          <span className="dim">
            {counted(of.widgets.length, "widget")} · <Ago at={of.created_at} />
          </span>
        </div>
        <div className="row">
          <Button variant="text" onClick={() => setOpen(!open)} aria-expanded={open}>
            {open ? "Hide the preview" : "Show the preview"}
          </Button>
          {mayAnswer && (
            <>
              <Button onClick={() => answer("discard")} disabled={isPending}>
                Discard
              </Button>
              <Button variant="contained" onClick={() => answer("keep")} disabled={isPending}>
                Keep
              </Button>
            </>
          )}
        </div>
      </div>
      {of.note && <p className="break">{of.note}</p>}
      {of.masked > 0 && (
        <p className="warn">
          {counted(of.masked, "value")} that looked like a secret {of.masked === 1 ? "is" : "are"} masked.
        </p>
      )}
      {error && <Trouble error={error} what="Your answer was not taken" />}
      {open && <Preview of={of} state={state} />}
    </section>
  );
}

/** What programs propose for this dashboard, for a person to keep or discard. */
export function Proposals({ dashboardId, state }: { dashboardId: string; state: State | null }) {
  const query = useQuery(proposalList(dashboardId));
  if (query.error && !query.data) return <Trouble error={query.error} what="Proposals" retry={() => query.refetch()} />;
  return query.data?.map((proposal) => (
    <Banner key={proposal.id} of={proposal} dashboardId={dashboardId} state={state} />
  ));
}
