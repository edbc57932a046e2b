/** A2A's word for how far a task is, as people say it. */
export function stateWord(state: string | undefined): string {
  if (state === "TASK_STATE_AUTH_REQUIRED") return "sign-in required";
  return (
    (state ?? "")
      .replace(/^TASK_STATE_/, "")
      .toLowerCase()
      .replaceAll("_", " ") || "unknown"
  );
}

const ended = new Set(["completed", "failed", "rejected", "canceled"]);

export const hasEnded = (state: string | undefined) => ended.has(stateWord(state));

export const taskStates = ["WORKING", "INPUT_REQUIRED", "COMPLETED", "FAILED", "CANCELED", "REJECTED"].map((it) => ({
  value: `TASK_STATE_${it}`,
  name: stateWord(it),
}));
