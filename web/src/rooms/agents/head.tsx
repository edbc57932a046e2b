import type { ReactNode } from "react";
import { PageHead } from "../../parts/page";
import { TabLinks } from "../../parts/tabs";

const lines = {
  agents: "agents that speak A2A, behind one address and one key",
  mesh: "who can do what, how they do, and which of them takes a task",
};

export function AgentsHead({ at, actions }: { at: keyof typeof lines; actions?: ReactNode }) {
  return (
    <>
      <PageHead title="Agents" tab={at === "mesh" ? "Mesh" : "Agents"} line={lines[at]} actions={actions} />
      <TabLinks
        label="Views of agents"
        at={at}
        tabs={[
          { value: "agents", name: "Agents", to: "/agents" },
          { value: "mesh", name: "Mesh", to: "/agents/mesh" },
        ]}
      />
    </>
  );
}
