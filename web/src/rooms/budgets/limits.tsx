import Button from "@mui/material/Button";
import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { createLimit, deleteLimit, editLimit, limitList } from "../../api/queries/limits";
import type { Limit, LimitDraft } from "../../api/types";
import { Ask, FormDialog } from "../../parts/ask";
import { useForm } from "../../parts/form";
import { count, seconds } from "../../parts/format";
import { Card } from "../../parts/page";
import { Table } from "../../parts/table";
import { say } from "../../parts/toasts";
import { Empty, Lines, Loaded } from "../../parts/trouble";
import { Pill } from "../../parts/words";
import type { TabProps } from "./budgets";
import { SubjectFields, subjectProblem, subjectWords } from "./subjects";

const spans: Record<number, string> = { 1: "a second", 60: "a minute", 3600: "an hour", 86400: "a day" };
const pace = (limit: Pick<Limit, "rate" | "per_s">) =>
  `${count(limit.rate)} calls ${spans[limit.per_s] ?? `in ${seconds(limit.per_s)}`}`;
const wholeProblem = (text: string) => (/^[1-9]\d{0,8}$/.test(text) ? undefined : "A whole number from 1");

function LimitDialog({ limit, onClose }: { limit?: Limit; onClose: () => void }) {
  const start = {
    name: limit?.name ?? "",
    subject_kind: limit?.subject.kind ?? ("org" as string),
    subject_id: limit?.subject.id ?? "",
    rate: String(limit?.rate ?? ""),
    per_s: String(limit?.per_s ?? 60),
    burst: limit?.burst ? String(limit.burst) : "",
    enabled: limit?.enabled ?? true,
  };
  const form = useForm(start, (values) => ({
    name: values.name.trim() ? undefined : "Give it a name",
    subject_id: subjectProblem(values),
    rate: wholeProblem(values.rate),
    per_s: wholeProblem(values.per_s),
    burst: values.burst ? wholeProblem(values.burst) : undefined,
  }));
  const create = useMutation({ ...createLimit, onSuccess: onClose, onError: form.takeRefusal });
  const edit = useMutation({ ...editLimit, onSuccess: onClose, onError: form.takeRefusal });
  const { values } = form;
  const save = () => {
    const shared = {
      name: values.name.trim(),
      rate: Number(values.rate),
      per_s: Number(values.per_s),
      burst: values.burst ? Number(values.burst) : null,
      enabled: values.enabled,
    };
    if (limit) return edit.mutate({ id: limit.id, ...shared });
    const draft: LimitDraft = { ...shared, subject_kind: values.subject_kind as LimitDraft["subject_kind"] };
    create.mutate(values.subject_id ? { ...draft, subject_id: values.subject_id } : draft);
  };
  return (
    <FormDialog
      title={limit ? `Edit the limit ${limit.name}` : "Create a limit"}
      verb={limit ? "Save" : "Create limit"}
      busy={create.isPending || edit.isPending}
      error={create.error ?? edit.error}
      onClose={onClose}
      onSubmit={() => form.attempt(save)}
    >
      <TextField label="Name" autoFocus margin="dense" {...form.text("name")} />
      <div className="form-grid">
        {!limit && <SubjectFields form={form} kinds={["org", "scope", "key", "address"]} />}
        <TextField label="Calls" {...form.text("rate")} />
        <TextField label="In how many seconds" {...form.text("per_s", spans[Number(values.per_s)])} />
        <TextField
          label="At once"
          {...form.text("burst", "How many may come in one moment; empty: as many as above")}
        />
      </div>
      <FormControlLabel
        label="In force"
        control={<Checkbox checked={values.enabled} onChange={(event) => form.set("enabled", event.target.checked)} />}
      />
      {form.valid && (
        <p className="notice">
          Calls faster than {pace({ rate: Number(values.rate), per_s: Number(values.per_s) })} are refused with 429 and
          told when to come back.
        </p>
      )}
    </FormDialog>
  );
}

export function Limits({ mayManage, adding, onAdd, onAdded }: TabProps) {
  const query = useQuery(limitList);
  const [edited, setEdited] = useState<Limit | null>(null);
  const [asked, setAsked] = useState<Limit | null>(null);
  const remove = useMutation({
    ...deleteLimit,
    onSuccess: () => {
      say(`The limit ${asked?.name} is deleted.`);
      setAsked(null);
    },
  });
  return (
    <>
      <Card flush>
        <Loaded
          query={query}
          what="The limits"
          skeleton={
            <div style={{ padding: 16 }}>
              <Lines />
            </div>
          }
        >
          {(limits) =>
            limits.length === 0 ? (
              <Empty
                title="No limits of your own yet"
                command="portico limits add 'whole org' --rate 1000 --per-s 60"
                action={
                  mayManage && (
                    <Button variant="contained" onClick={onAdd}>
                      Create a limit
                    </Button>
                  )
                }
              >
                A limit says how many calls may come in a time. Keys have one of their own besides.
              </Empty>
            ) : (
              <Table<Limit>
                label="Limits"
                rows={limits}
                rowKey={(limit) => limit.id}
                columns={[
                  { name: "Name", cell: (limit) => <span className="strong break">{limit.name}</span> },
                  {
                    name: "For",
                    hide: "s",
                    cell: (limit) => <span className="break">{subjectWords(limit.subject)}</span>,
                  },
                  { name: "At most", cell: (limit) => <span className="num">{pace(limit)}</span> },
                  {
                    name: "At once",
                    hide: "m",
                    right: true,
                    cell: (limit) => <span className="mono">{count(limit.burst ?? limit.rate)}</span>,
                  },
                  {
                    name: "State",
                    cell: (limit) => (
                      <Pill tone={limit.enabled ? "ok" : "plain"}>{limit.enabled ? "in force" : "off"}</Pill>
                    ),
                  },
                  ...(mayManage
                    ? [
                        {
                          name: "Actions",
                          silent: true,
                          right: true,
                          cell: (limit: Limit) => (
                            <span className="row end" style={{ gap: 0 }}>
                              <Button variant="text" onClick={() => setEdited(limit)}>
                                Edit<span className="hidden-text"> {limit.name}</span>
                              </Button>
                              <Button variant="text" color="error" onClick={() => setAsked(limit)}>
                                Delete<span className="hidden-text"> {limit.name}</span>
                              </Button>
                            </span>
                          ),
                        },
                      ]
                    : []),
                ]}
              />
            )
          }
        </Loaded>
      </Card>
      {adding && <LimitDialog onClose={onAdded} />}
      {edited && <LimitDialog limit={edited} onClose={() => setEdited(null)} />}
      {asked && (
        <Ask
          title={`Delete the limit ${asked.name}?`}
          verb="Delete limit"
          busy={remove.isPending}
          error={remove.error}
          onYes={() => remove.mutate(asked.id)}
          onClose={() => setAsked(null)}
        >
          Calls of <strong>{subjectWords(asked.subject)}</strong> are no longer held to {pace(asked)} by{" "}
          <strong>{asked.name}</strong>.
        </Ask>
      )}
    </>
  );
}
