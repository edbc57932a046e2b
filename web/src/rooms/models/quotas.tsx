import Button from "@mui/material/Button";
import { Link } from "react-router";
import { useMay } from "../../api/session";
import { useFilters } from "../../parts/filters";
import { Budgets } from "../budgets/budgets";
import { ModelsHead } from "./head";

/** The org's budgets, where those who look after models look. */
export function Quotas() {
  const { values, set } = useFilters(["new"] as const);
  const mayManage = useMay("budgets.manage");
  return (
    <>
      <ModelsHead
        at="quotas"
        actions={
          <>
            <Button component={Link} to="/notices">
              Notices
            </Button>
            {mayManage && (
              <Button variant="contained" onClick={() => set({ new: "1" })}>
                Create a budget
              </Button>
            )}
          </>
        }
      />
      <Budgets
        mayManage={mayManage}
        adding={values.new === "1" && mayManage}
        onAdd={() => set({ new: "1" })}
        onAdded={() => set({ new: null })}
      />
    </>
  );
}
