import { mutationOptions, queryOptions } from "@tanstack/react-query";
import { client } from "../client";
import { pagedQuery } from "../paging";
import type { components } from "../schema";
import type { JsonSchema, Page } from "../types";
import type { Widget, WidgetType } from "../widgets";

type Schemas = components["schemas"];

export type Dashboard = Schemas["Dashboard"];
export type DashboardDraft = Pick<Dashboard, "name" | "description" | "layout" | "shared">;
export type DashboardChanges = Partial<Pick<Dashboard, "name" | "description" | "shared">>;
/** Its widgets are placed as they would stand if they were kept now; `masked` counts what looked like a secret. */
export type Proposal = Omit<Schemas["Proposal"], "widgets"> & { widgets: Widget[] };
export type WidgetKind = Omit<Schemas["WidgetType"], "type" | "options"> & { type: WidgetType; options: JsonSchema };

const at = (id: string) => `/dashboards/${encodeURIComponent(id)}`;
const stale = [["dashboards"]];

export const dashboardList = pagedQuery<Dashboard>(["dashboards", "list"], "/dashboards");

export const dashboardDetail = (id: string) =>
  queryOptions({
    queryKey: ["dashboards", "detail", id],
    queryFn: ({ signal }) => client.get<Dashboard>(at(id), undefined, signal),
  });
export const createDashboard = mutationOptions({
  mutationFn: (draft: DashboardDraft) => client.post<Dashboard>("/dashboards", draft),
  meta: { stale },
});
export const changeDashboard = (id: string) =>
  mutationOptions({
    mutationFn: (changes: DashboardChanges) => client.patch<Dashboard>(at(id), changes),
    meta: { stale },
  });
export const deleteDashboard = (id: string) =>
  mutationOptions({ mutationFn: () => client.remove(at(id)), meta: { stale: [["dashboards", "list"]] } });

/** What the schema says about each type of widget; it changes only with the server. */
export const widgetKinds = queryOptions({
  queryKey: ["widget-types"],
  queryFn: ({ signal }) => client.get<{ items: WidgetKind[] }>("/widget-types", undefined, signal),
  select: (answer) => answer.items,
  staleTime: Number.POSITIVE_INFINITY,
});

export const proposalList = (id: string) =>
  queryOptions({
    queryKey: ["dashboards", "proposals", id],
    queryFn: ({ signal }) => client.get<Page<Proposal>>(`${at(id)}/proposals`, undefined, signal),
    select: (page) => page.items,
    refetchInterval: 30_000,
  });
export const answerProposal = (id: string) =>
  mutationOptions({
    mutationFn: ({ proposal, answer }: { proposal: string; answer: "keep" | "discard" }) =>
      client.post<unknown>(`${at(id)}/proposals/${encodeURIComponent(proposal)}/${answer}`),
    meta: { stale: [["dashboards"]] },
  });
