import Button from "@mui/material/Button";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { budgetList, deleteBudget } from "../../api/queries/limits";
import type { Budget } from "../../api/types";
import { Ask } from "../../parts/ask";
import { count, each, percent, roundMoney } from "../../parts/format";
import { Card } from "../../parts/page";
import { say } from "../../parts/toasts";
import { Empty, Lines, Loaded } from "../../parts/trouble";
import { Ago, Pill } from "../../parts/words";
import { BudgetDialog } from "./budget-dialog";
import { subjectWords } from "./subjects";

export interface TabProps {
  mayManage: boolean;
  adding: boolean;
  onAdd: () => void;
  onAdded: () => void;
}

const amount = (budget: Budget, value: number) =>
  budget.measure === "money" ? roundMoney(value) : `${count(value)} ${budget.measure}`;

// As the log has it: budget.critical is told from here on.
const criticalPercent = 95;

function stateOf(budget: Budget) {
  if (!budget.enabled) return <Pill>off</Pill>;
  if (budget.left <= 0) return <Pill tone="bad">exhausted</Pill>;
  if (budget.used_percent >= Math.max(criticalPercent, budget.warn_at_percent))
    return <Pill tone="bad">{percent(budget.used_percent)} used</Pill>;
  if (budget.used_percent >= budget.warn_at_percent)
    return <Pill tone="warn">{percent(budget.used_percent)} used</Pill>;
  return <Pill tone="ok">{percent(budget.used_percent)} used</Pill>;
}

function Bar({ budget }: { budget: Budget }) {
  const share = (value: number) => `${Math.min(100, budget.limit === 0 ? 0 : (value / budget.limit) * 100)}%`;
  const tone = budget.used_percent >= 100 ? "bad" : budget.used_percent >= budget.warn_at_percent ? "warn" : "";
  return (
    // biome-ignore lint/a11y/useSemanticElements: a meter element cannot show what is used and what is reserved
    <div
      className="bar"
      role="meter"
      aria-label={`${budget.name}: used`}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.min(100, Math.round(budget.used_percent))}
      aria-valuetext={`${percent(budget.used_percent)} of ${amount(budget, budget.limit)} used`}
    >
      <i className={tone} style={{ width: share(budget.used) }} />
      <i className={`reserved ${tone}`} style={{ width: share(budget.reserved) }} />
    </div>
  );
}

function BudgetCard({
  budget,
  mayManage,
  onEdit,
  onDelete,
}: {
  budget: Budget;
  mayManage: boolean;
  onEdit: () => void;
  onDelete: () => void;
}) {
  return (
    <Card
      title={budget.name}
      aside={
        <>
          {stateOf(budget)}
          {mayManage && (
            <span className="row" style={{ gap: 0 }}>
              <Button variant="text" onClick={onEdit}>
                Edit<span className="hidden-text"> {budget.name}</span>
              </Button>
              <Button variant="text" color="error" onClick={onDelete}>
                Delete<span className="hidden-text"> {budget.name}</span>
              </Button>
            </span>
          )}
        </>
      }
    >
      <div className="stack tight">
        <p className="dim">
          {amount(budget, budget.limit)} {each(budget.window)} for {subjectWords(budget.subject)}
        </p>
        <Bar budget={budget} />
        <div className="row apart num">
          <span>
            <strong>{amount(budget, budget.used)}</strong> used
            {budget.reserved > 0 && <span className="dim"> · {amount(budget, budget.reserved)} reserved</span>}
          </span>
          <span>
            <strong>{amount(budget, Math.max(0, budget.left))}</strong> left
          </span>
        </div>
        <p className="dim">
          resets <Ago at={budget.resets_at} /> · warns at {budget.warn_at_percent} %
        </p>
      </div>
    </Card>
  );
}

export function Budgets({ mayManage, adding, onAdd, onAdded }: TabProps) {
  const query = useQuery(budgetList);
  const [edited, setEdited] = useState<Budget | null>(null);
  const [asked, setAsked] = useState<Budget | null>(null);
  const remove = useMutation({
    ...deleteBudget,
    onSuccess: () => {
      say(`The budget ${asked?.name} is deleted.`);
      setAsked(null);
    },
  });
  return (
    <>
      <Loaded
        query={query}
        what="The budgets"
        skeleton={
          <Card>
            <Lines count={5} />
          </Card>
        }
      >
        {(budgets) =>
          budgets.length === 0 ? (
            <Card>
              <Empty
                title="No budgets yet"
                command="portico budgets add 'whole org' --limit 20 --window day"
                action={
                  mayManage && (
                    <Button variant="contained" onClick={onAdd}>
                      Create a budget
                    </Button>
                  )
                }
              >
                A budget holds money, tokens or calls for an hour, a day or a month. Each call reserves what it may cost
                before it leaves, so a budget is never overshot.
              </Empty>
            </Card>
          ) : (
            <div className="halves">
              {budgets.map((budget) => (
                <BudgetCard
                  key={budget.id}
                  budget={budget}
                  mayManage={mayManage}
                  onEdit={() => setEdited(budget)}
                  onDelete={() => setAsked(budget)}
                />
              ))}
            </div>
          )
        }
      </Loaded>
      {adding && <BudgetDialog onClose={onAdded} />}
      {edited && <BudgetDialog budget={edited} onClose={() => setEdited(null)} />}
      {asked && (
        <Ask
          title={`Delete the budget ${asked.name}?`}
          verb="Delete budget"
          busy={remove.isPending}
          error={remove.error}
          onYes={() => remove.mutate(asked.id)}
          onClose={() => setAsked(null)}
        >
          Calls of <strong>{subjectWords(asked.subject)}</strong> are no longer held to {amount(asked, asked.limit)}{" "}
          {each(asked.window)} by <strong>{asked.name}</strong>.
        </Ask>
      )}
    </>
  );
}
