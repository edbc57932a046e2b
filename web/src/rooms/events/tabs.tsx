import { useMay } from "../../api/session";
import { TabLinks } from "../../parts/tabs";

type Tab = "log" | "types" | "own-types" | "consumers" | "dead-letters" | "archive";

export function EventTabs({ at }: { at: Tab }) {
  const mayManage = useMay("events.manage");
  const tabs = [
    { value: "log", name: "Log", to: "/events" },
    { value: "types", name: "Catalogue", to: "/events/types" },
    { value: "own-types", name: "Your types", to: "/events/own-types" },
    { value: "consumers", name: "Consumers", to: "/events/consumers" },
  ];
  if (mayManage) {
    tabs.push({ value: "dead-letters", name: "Dead letters", to: "/events/dead-letters" });
    tabs.push({ value: "archive", name: "Archive", to: "/events/archive" });
  }
  return <TabLinks label="Views of events" at={at} tabs={tabs} />;
}
