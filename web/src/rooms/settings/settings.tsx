import { useMay, useMe } from "../../api/session";
import { useFilters } from "../../parts/filters";
import { PageHead } from "../../parts/page";
import { TabLinks } from "../../parts/tabs";
import { Effective } from "./effective";
import { OrgAndScopes } from "./org";
import { Appearance, Profile } from "./profile";

export function Settings() {
  const { values } = useFilters(["tab"] as const);
  const me = useMe();
  const mayRead = useMay("settings.read") || Boolean(me.person?.is_superadmin);
  const tabs = [
    ...(mayRead ? [{ value: "platform", name: "Platform", to: "/settings" }] : []),
    ...(me.org ? [{ value: "org", name: "Org and scopes", to: "/settings?tab=org" }] : []),
    { value: "profile", name: "My profile", to: "/settings?tab=profile" },
    { value: "appearance", name: "Appearance", to: "/settings?tab=appearance" },
  ];
  const at = tabs.find((tab) => tab.value === values.tab)?.value ?? tabs[0]?.value ?? "profile";
  return (
    <>
      <PageHead title="Settings" tab="Settings" line="of this installation, of the org, and your own" />
      <TabLinks label="Settings" at={at} tabs={tabs} />
      {at === "platform" && <Effective />}
      {at === "org" && me.org && <OrgAndScopes orgId={me.org.id} />}
      {at === "profile" && <Profile />}
      {at === "appearance" && <Appearance />}
    </>
  );
}
