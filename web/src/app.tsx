import GlobalStyles from "@mui/material/GlobalStyles";
import { StyledEngineProvider, ThemeProvider } from "@mui/material/styles";
import { QueryClientProvider } from "@tanstack/react-query";
import { createBrowserRouter, type RouteObject, RouterProvider } from "react-router";
import { queryClient } from "./api/query-client";
import { theme } from "./look/theme";
import { cssProperties, dark, fonts, light } from "./look/tokens";
import { Toasts } from "./parts/toasts";
import { Lost } from "./rooms/shell/lost";
import { Door, Shell } from "./rooms/shell/shell";
import { Starting } from "./rooms/shell/starting";

const styles = {
  ":root": { "--font-text": fonts.text, "--font-mono": fonts.mono, ...cssProperties(light) },
  '[data-theme="dark"]': cssProperties(dark),
};

const rooms: RouteObject[] = [
  { index: true, lazy: async () => ({ Component: (await import("./rooms/home/home")).Home }) },
  { path: "services", lazy: async () => ({ Component: (await import("./rooms/services/list")).ServiceList }) },
  { path: "services/new", lazy: async () => ({ Component: (await import("./rooms/services/register")).Register }) },
  { path: "services/:name", lazy: async () => ({ Component: (await import("./rooms/services/detail")).ServicePage }) },
  { path: "calls", lazy: async () => ({ Component: (await import("./rooms/calls/list")).CallList }) },
  { path: "calls/analytics", lazy: async () => ({ Component: (await import("./rooms/calls/analytics")).Analytics }) },
  { path: "calls/:id", lazy: async () => ({ Component: (await import("./rooms/calls/detail")).CallPage }) },
  { path: "audit", lazy: async () => ({ Component: (await import("./rooms/audit/audit")).Audit }) },
  { path: "keys", lazy: async () => ({ Component: (await import("./rooms/keys/keys")).Keys }) },
  { path: "members", lazy: async () => ({ Component: (await import("./rooms/members/members")).Members }) },
  { path: "budgets", lazy: async () => ({ Component: (await import("./rooms/budgets/room")).BudgetsAndLimits }) },
  { path: "secrets", lazy: async () => ({ Component: (await import("./rooms/secrets/secrets")).Secrets }) },
  { path: "settings", lazy: async () => ({ Component: (await import("./rooms/settings/settings")).Settings }) },
  { path: "orgs", lazy: async () => ({ Component: (await import("./rooms/orgs/orgs")).Orgs }) },
  { path: "*", element: <Lost /> },
];

const router = createBrowserRouter([
  {
    element: <Door />,
    HydrateFallback: Starting,
    errorElement: <Lost />,
    children: [
      { path: "/sign-in", lazy: async () => ({ Component: (await import("./rooms/sign-in/sign-in")).SignIn }) },
      { path: "/invite", lazy: async () => ({ Component: (await import("./rooms/sign-in/invite")).Invite }) },
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
