import Button from "@mui/material/Button";
import { useMay } from "../../api/session";
import { useFilters } from "../../parts/filters";
import { PageHead } from "../../parts/page";
import { TabLinks } from "../../parts/tabs";
import { Budgets } from "./budgets";
import { Limits } from "./limits";

export function BudgetsAndLimits() {
  const { values, set } = useFilters(["tab", "new"] as const);
  const at = values.tab === "limits" ? "limits" : "budgets";
  const mayManage = { budgets: useMay("budgets.manage"), limits: useMay("limits.manage") }[at];
  const shared = {
    mayManage,
    adding: values.new === "1" && mayManage,
    onAdd: () => set({ new: "1" }),
    onAdded: () => set({ new: null }),
  };
  return (
    <>
      <PageHead
        title="Budgets and limits"
        tab={at === "budgets" ? "Budgets" : "Limits"}
        line={
          at === "budgets"
            ? "how much may be spent; a call that could overshoot is refused before it leaves"
            : "how fast calls may come"
        }
        actions={
          mayManage && (
            <Button variant="contained" onClick={shared.onAdd}>
              {at === "budgets" ? "Create a budget" : "Create a limit"}
            </Button>
          )
        }
      />
      <TabLinks
        label="Budgets and limits"
        at={at}
        tabs={[
          { value: "budgets", name: "Budgets", to: "/budgets" },
          { value: "limits", name: "Limits", to: "/budgets?tab=limits" },
        ]}
      />
      {at === "budgets" ? <Budgets {...shared} /> : <Limits {...shared} />}
    </>
  );
}
