import type { ReactNode } from "react";
import { useMay } from "../../api/session";
import { PageHead } from "../../parts/page";
import { TabLinks } from "../../parts/tabs";

const lines = {
  policies: "which tools may be called, by whom, with what",
  simulate: "may they call this tool with these arguments, and why; nothing is called",
};

export function PoliciesHead({ at, actions }: { at: keyof typeof lines; actions?: ReactNode }) {
  const maySimulate = useMay("policies.manage");
  const tabs = [{ value: "policies", name: "Policies", to: "/policies" }];
  if (maySimulate) tabs.push({ value: "simulate", name: "Simulator", to: "/policies/simulate" });
  return (
    <>
      <PageHead
        title="Policies"
        tab={at === "simulate" ? "Simulator" : "Policies"}
        line={lines[at]}
        actions={actions}
      />
      <TabLinks label="Views of policies" at={at} tabs={tabs} />
    </>
  );
}
