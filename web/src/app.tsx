import GlobalStyles from "@mui/material/GlobalStyles";
import { StyledEngineProvider, ThemeProvider } from "@mui/material/styles";
import { QueryClientProvider } from "@tanstack/react-query";
import { type ComponentType, lazy } from "react";
import { createBrowserRouter, type RouteObject, RouterProvider } from "react-router";
import { queryClient } from "./api/query-client";
import { theme } from "./look/theme";
import { cssProperties, dark, fonts, light } from "./look/tokens";
import { Toasts } from "./parts/toasts";
import { Lost } from "./rooms/shell/lost";
import { Door, Shell } from "./rooms/shell/shell";

const styles = {
  ":root": { "--font-text": fonts.text, "--font-mono": fonts.mono, ...cssProperties(light) },
  '[data-theme="dark"]': cssProperties(dark),
};

/** A page in a file of its own, fetched when it is first opened; if that fails, the error page of its route says so. */
function page(load: () => Promise<ComponentType>) {
  const Page = lazy(async () => ({ default: await load() }));
  return <Page />;
}

const rooms: RouteObject[] = [
  { index: true, element: page(async () => (await import("./rooms/home/home")).Home) },
  { path: "services", element: page(async () => (await import("./rooms/services/list")).ServiceList) },
  { path: "services/new", element: page(async () => (await import("./rooms/services/register")).Register) },
  { path: "services/:name", element: page(async () => (await import("./rooms/services/detail")).ServicePage) },
  { path: "models", element: page(async () => (await import("./rooms/models/registry")).Registry) },
  { path: "models/routes", element: page(async () => (await import("./rooms/models/routes")).ModelRoutes) },
  { path: "models/routes/new", element: page(async () => (await import("./rooms/models/route")).NewModelRoute) },
  { path: "models/routes/:id", element: page(async () => (await import("./rooms/models/route")).ModelRoutePage) },
  { path: "models/quotas", element: page(async () => (await import("./rooms/models/quotas")).Quotas) },
  { path: "models/connections", element: page(async () => (await import("./rooms/models/connections")).Connections) },
  { path: "models/playground", element: page(async () => (await import("./rooms/models/playground")).Playground) },
  { path: "tools", element: page(async () => (await import("./rooms/tools/servers")).ToolServers) },
  { path: "tools/servers/new", element: page(async () => (await import("./rooms/tools/local-new")).NewLocalServer) },
  { path: "tools/servers/:name", element: page(async () => (await import("./rooms/tools/local")).LocalServerPage) },
  { path: "tools/definitions", element: page(async () => (await import("./rooms/tools/definitions")).Definitions) },
  { path: "tools/definitions/:id", element: page(async () => (await import("./rooms/tools/definition")).ToolPage) },
  { path: "tools/quarantine", element: page(async () => (await import("./rooms/tools/quarantine")).Quarantine) },
  { path: "tools/playground", element: page(async () => (await import("./rooms/tools/playground")).ToolPlayground) },
  { path: "tools/invocations", element: page(async () => (await import("./rooms/tools/invocations")).Invocations) },
  { path: "agents", element: page(async () => (await import("./rooms/agents/list")).AgentList) },
  { path: "agents/new", element: page(async () => (await import("./rooms/agents/new")).NewAgent) },
  { path: "agents/mesh", element: page(async () => (await import("./rooms/agents/mesh")).MeshPage) },
  { path: "agents/:name", element: page(async () => (await import("./rooms/agents/detail")).AgentPage) },
  { path: "calls", element: page(async () => (await import("./rooms/calls/list")).CallList) },
  { path: "calls/analytics", element: page(async () => (await import("./rooms/calls/analytics")).Analytics) },
  { path: "calls/:id", element: page(async () => (await import("./rooms/calls/detail")).CallPage) },
  { path: "events", element: page(async () => (await import("./rooms/events/log")).EventLog) },
  { path: "events/types", element: page(async () => (await import("./rooms/events/types")).EventTypes) },
  { path: "events/own-types", element: page(async () => (await import("./rooms/events/own-types")).OwnTypes) },
  { path: "events/archive", element: page(async () => (await import("./rooms/events/archive")).EventArchives) },
  { path: "events/consumers", element: page(async () => (await import("./rooms/events/consumers")).Consumers) },
  { path: "events/dead-letters", element: page(async () => (await import("./rooms/events/dead-letters")).DeadLetters) },
  { path: "notices", element: page(async () => (await import("./rooms/notices/notices")).Notices) },
  { path: "webhooks", element: page(async () => (await import("./rooms/webhooks/list")).WebhookList) },
  { path: "webhooks/new", element: page(async () => (await import("./rooms/webhooks/new")).NewWebhook) },
  { path: "webhooks/:id", element: page(async () => (await import("./rooms/webhooks/detail")).WebhookPage) },
  { path: "dashboards", element: page(async () => (await import("./rooms/dashboards/list")).DashboardList) },
  { path: "dashboards/:id", element: page(async () => (await import("./rooms/dashboards/dashboard")).DashboardPage) },
  { path: "audit", element: page(async () => (await import("./rooms/audit/audit")).Audit) },
  { path: "keys", element: page(async () => (await import("./rooms/keys/keys")).Keys) },
  { path: "members", element: page(async () => (await import("./rooms/members/members")).Members) },
  { path: "budgets", element: page(async () => (await import("./rooms/budgets/room")).BudgetsAndLimits) },
  { path: "policies", element: page(async () => (await import("./rooms/policies/list")).PolicyList) },
  { path: "policies/new", element: page(async () => (await import("./rooms/policies/policy")).NewPolicy) },
  { path: "policies/simulate", element: page(async () => (await import("./rooms/policies/simulator")).SimulatorPage) },
  { path: "policies/:id", element: page(async () => (await import("./rooms/policies/policy")).PolicyPage) },
  { path: "secrets", element: page(async () => (await import("./rooms/secrets/secrets")).Secrets) },
  { path: "settings", element: page(async () => (await import("./rooms/settings/settings")).Settings) },
  { path: "orgs", element: page(async () => (await import("./rooms/orgs/orgs")).Orgs) },
  { path: "*", element: <Lost /> },
];

const router = createBrowserRouter([
  {
    element: <Door />,
    errorElement: <Lost />,
    children: [
      { path: "/sign-in", element: page(async () => (await import("./rooms/sign-in/sign-in")).SignIn) },
      { path: "/invite", element: page(async () => (await import("./rooms/sign-in/invite")).Invite) },
      { path: "/", element: <Shell />, children: rooms.map((room) => ({ ...room, errorElement: <Lost /> })) },
    ],
  },
]);

export function App() {
  return (
    <StyledEngineProvider injectFirst>
      <ThemeProvider theme={theme} defaultMode="system" disableTransitionOnChange>
        <GlobalStyles styles={styles} />
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
          <Toasts />
        </QueryClientProvider>
      </ThemeProvider>
    </StyledEngineProvider>
  );
}
