import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useQuery } from "@tanstack/react-query";
import { allKeys } from "../../api/queries/keys";
import { allMembers, scopeList } from "../../api/queries/tenancy";
import { useMay } from "../../api/session";
import type { useForm } from "../../parts/form";

export interface SubjectValues {
  subject_kind: string;
  subject_id: string;
}

export const subjectProblem = (values: SubjectValues) =>
  values.subject_kind === "org" || values.subject_kind === "address" || values.subject_id
    ? undefined
    : "Choose for whom";

const words: Record<string, string> = {
  org: "the whole org",
  scope: "one scope",
  principal: "one key or person",
  key: "one key",
  address: "each address that calls",
};

/** For whom a budget or limit holds. */
export function SubjectFields<T extends SubjectValues>({
  form,
  kinds,
}: {
  form: ReturnType<typeof useForm<T>>;
  kinds: string[];
}) {
  const kind = form.values.subject_kind;
  const mayKeys = useMay("keys.read");
  const mayMembers = useMay("members.read");
  const scopes = useQuery({ ...scopeList, enabled: kind === "scope" }).data ?? [];
  const keys = useQuery({ ...allKeys, enabled: mayKeys && (kind === "key" || kind === "principal") }).data ?? [];
  const members = useQuery({ ...allMembers, enabled: mayMembers && kind === "principal" }).data ?? [];
  const choices = {
    scope: scopes.map((scope) => ({ id: scope.name, name: scope.name })),
    key: keys.map((key) => ({ id: key.id, name: key.name })),
    principal: [
      ...keys.map((key) => ({ id: key.id, name: `${key.name} (key)` })),
      ...members.map((it) => ({ id: it.person_id, name: `${it.name} (person)` })),
    ],
  }[kind];
  const set = form.set as <Name extends keyof SubjectValues>(name: Name, value: SubjectValues[Name]) => void;
  return (
    <>
      <TextField
        select
        label="For"
        value={kind}
        onChange={(event) => {
          set("subject_kind", event.target.value);
          set("subject_id", "");
        }}
      >
        {kinds.map((it) => (
          <MenuItem key={it} value={it}>
            {words[it]}
          </MenuItem>
        ))}
      </TextField>
      {kind === "address" && (
        <TextField label="Which address" {...form.text("subject_id", "Empty: each address by itself")} />
      )}
      {choices && (
        <TextField select label="Which" {...form.text("subject_id")}>
          {choices.map((choice) => (
            <MenuItem key={choice.id} value={choice.id}>
              {choice.name}
            </MenuItem>
          ))}
        </TextField>
      )}
    </>
  );
}

export function subjectWords(subject: { kind: string; id: string | null; name: string }): string {
  if (subject.kind === "address" && subject.id) return `the address ${subject.name}`;
  if (subject.kind === "org" || subject.kind === "address") return words[subject.kind] ?? subject.name;
  return subject.kind === "principal" ? subject.name : `${subject.kind} ${subject.name}`;
}
