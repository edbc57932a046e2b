import { useQuery } from "@tanstack/react-query";
import { allKeys } from "../../api/queries/keys";
import { allMembers } from "../../api/queries/tenancy";
import { useMay, useMe } from "../../api/session";

export interface Principal {
  id: string;
  name: string;
}

/** Whom a policy may speak of: the people and keys this person may know of, themselves at least. */
export function usePrincipals(): Principal[] {
  const me = useMe();
  const keys = useQuery({ ...allKeys, enabled: useMay("keys.read") }).data ?? [];
  const members = useQuery({ ...allMembers, enabled: useMay("members.read") }).data ?? [];
  const people = members.map((it) => ({ id: it.person_id, name: `${it.name} (person)` }));
  if (me.person && !people.some((it) => it.id === me.person?.id))
    people.unshift({ id: me.person.id, name: `${me.person.name} (you)` });
  return [...people, ...keys.map((it) => ({ id: it.id, name: `${it.name} (key)` }))];
}
