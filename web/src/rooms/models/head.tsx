import type { ReactNode } from "react";
import { useMay } from "../../api/session";
import { PageHead } from "../../parts/page";
import { TabLinks } from "../../parts/tabs";

const lines = {
  models: "what your services offer, what it costs and how well it does",
  routes: "names that stand for one of several models, by rules",
  quotas: "what is used of what may be spent; told at the mark you set, at 95 % and at the end",
  connections: "whether the services behind the models are reached",
  playground: "ask a model or a route, and see which one answered",
};
const names = {
  models: "Models",
  routes: "Routes",
  quotas: "Quotas",
  connections: "Connections",
  playground: "Playground",
};

export function ModelsHead({ at, actions }: { at: keyof typeof lines; actions?: ReactNode }) {
  const shown = { quotas: useMay("budgets.read"), playground: useMay("services.call") };
  const tabs = (Object.keys(lines) as (keyof typeof lines)[])
    .filter((tab) => !(tab in shown) || shown[tab as keyof typeof shown])
    .map((tab) => ({ value: tab, name: names[tab], to: tab === "models" ? "/models" : `/models/${tab}` }));
  return (
    <>
      <PageHead title="Models" tab={names[at]} line={lines[at]} actions={actions} />
      <TabLinks label="Views of models" at={at} tabs={tabs} />
    </>
  );
}
