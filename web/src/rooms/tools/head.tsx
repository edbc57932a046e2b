import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { waitingTools } from "../../api/queries/tools";
import { useMay } from "../../api/session";
import { count } from "../../parts/format";
import { PageHead } from "../../parts/page";
import { TabLinks } from "../../parts/tabs";

const lines = {
  servers: "MCP servers that your clients reach through Portico, and what they cost in a model's context",
  definitions: "every tool a server showed, with the definition that may be offered",
  quarantine: "new and changed tools, held back until somebody decides",
  playground: "call a tool as a client would, under your own name",
  invocations: "which tool was called by whom, with which definition, and what came of it",
};
const names = {
  servers: "Servers",
  definitions: "Definitions",
  quarantine: "Quarantine",
  playground: "Playground",
  invocations: "Invocations",
};

export function ToolsHead({ at, actions }: { at: keyof typeof lines; actions?: ReactNode }) {
  const waiting = useQuery(waitingTools).data?.length ?? 0;
  const shown = { playground: useMay("services.call"), invocations: useMay("calls.read") };
  const tabs = (Object.keys(lines) as (keyof typeof lines)[])
    .filter((tab) => !(tab in shown) || shown[tab as keyof typeof shown])
    .map((tab) => ({
      value: tab,
      name: tab === "quarantine" && waiting > 0 ? `${names[tab]} (${count(waiting)})` : names[tab],
      to: tab === "servers" ? "/tools" : `/tools/${tab}`,
    }));
  return (
    <>
      <PageHead title="Tools" tab={names[at]} line={lines[at]} actions={actions} />
      <TabLinks label="Views of tools" at={at} tabs={tabs} />
    </>
  );
}
