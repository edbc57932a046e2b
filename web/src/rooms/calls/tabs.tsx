import { TabLinks } from "../../parts/tabs";

export function CallTabs({ at }: { at: "calls" | "analytics" }) {
  return (
    <TabLinks
      label="Views of calls"
      at={at}
      tabs={[
        { value: "calls", name: "Calls", to: "/calls" },
        { value: "analytics", name: "Analytics", to: "/calls/analytics" },
      ]}
    />
  );
}
