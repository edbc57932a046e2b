import { mutationOptions, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { pagedQuery, readAll } from "../paging";
import type { Grant, GrantDraft, Invitation, Member, Org, Page, Role, Scope } from "../types";

/* People who already belong. */
export const memberList = (q: string) => pagedQuery<Member>(["members", "list"], "/members", { q });
export const allMembers = queryOptions({
  queryKey: ["members", "all"],
  queryFn: ({ signal }) => readAll<Member>("/members", {}, signal),
});
export const changeMember = mutationOptions({
  mutationFn: ({
    person_id,
    ...changes
  }: {
    person_id: string;
    role?: Role;
    is_owner?: boolean;
    scopes?: string[] | null;
  }) => client.patch<Member>(`/members/${person_id}`, changes),
  meta: { stale: [["members"]] },
});
export const removeMember = mutationOptions({
  mutationFn: (personId: string) => client.remove(`/members/${personId}`),
  meta: { stale: [["members"]] },
});

/* People who are asked in. */
export const invitationList = queryOptions({
  queryKey: ["invitations"],
  queryFn: ({ signal }) => readAll<Invitation>("/invitations", {}, signal),
});
export const invite = mutationOptions({
  mutationFn: (draft: { email: string; role: Role }) => client.post<Invitation>("/invitations", draft),
  meta: { stale: [["invitations"]] },
  gcTime: 0,
});
export const withdrawInvitation = mutationOptions({
  mutationFn: (id: string) => client.remove(`/invitations/${id}`),
  meta: { stale: [["invitations"]] },
});

/* Single permissions on single things. */
export const grantList = (resourceId?: string) =>
  queryOptions({
    queryKey: ["grants", resourceId ?? null],
    queryFn: ({ signal }) => readAll<Grant>("/grants", { resource_id: resourceId }, signal),
  });
export const addGrant = mutationOptions({
  mutationFn: (draft: GrantDraft) => client.post<Grant>("/grants", draft),
  meta: { stale: [["grants"]] },
});
export const removeGrant = mutationOptions({
  mutationFn: (id: string) => client.remove(`/grants/${id}`),
  meta: { stale: [["grants"]] },
});

/* Orgs and their scopes. */
export const orgList = (status?: string) => pagedQuery<Org>(["orgs", "list"], "/orgs", { status });
export const orgDetail = (id: string) =>
  queryOptions({
    queryKey: ["orgs", "detail", id],
    queryFn: ({ signal }) => client.get<Org>(`/orgs/${id}`, undefined, signal),
  });
export const createOrg = mutationOptions({
  mutationFn: (draft: { name: string; slug: string; owner_email: string }) => client.post<Org>("/orgs", draft),
  meta: { stale: [["orgs"]] },
  gcTime: 0,
});
export const renameOrg = (id: string) =>
  mutationOptions({
    mutationFn: (name: string) => client.patch<Org>(`/orgs/${id}`, { name }),
    meta: { stale: [["orgs"]] },
  });
export const suspendOrg = mutationOptions({
  mutationFn: (id: string) => client.post<Org>(`/orgs/${id}/suspend`),
  meta: { stale: [["orgs"]] },
});
export const resumeOrg = mutationOptions({
  mutationFn: (id: string) => client.post<Org>(`/orgs/${id}/resume`),
  meta: { stale: [["orgs"]] },
});
export const deleteOrg = mutationOptions({
  mutationFn: (id: string) => client.remove(`/orgs/${id}`),
  meta: { stale: [["orgs"]] },
});

export const scopeList = queryOptions({
  queryKey: ["scopes"],
  queryFn: ({ signal }) => client.get<Page<Scope>>("/scopes", undefined, signal),
  select: (page) => page.items,
});
export const createScope = mutationOptions({
  mutationFn: (draft: { name: string; description: string }) => client.post<Scope>("/scopes", draft),
  meta: { stale: [["scopes"]] },
});
export const deleteScope = mutationOptions({
  mutationFn: (name: string) => client.remove(`/scopes/${encodeURIComponent(name)}`),
  meta: { stale: [["scopes"]] },
});

export const changePassword = mutationOptions({
  mutationFn: (body: { current_password: string; new_password: string }) => client.post<void>("/auth/password", body),
  gcTime: 0,
});
