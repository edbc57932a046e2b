import type { Service, UsageRow } from "../../../api/types";

/** Calls that were answered one way or the other: what was refused by a rule of the house says nothing about the service. */
export function figuresOf(rows: UsageRow[]) {
  const sum = (of: (row: UsageRow) => number) => rows.reduce((total, row) => total + of(row), 0);
  const [calls, failed, refused] = [sum((row) => row.calls), sum((row) => row.failed), sum((row) => row.refused)];
  const timed = rows.filter((row) => row.p95_us !== null);
  const worst = timed.sort((one, other) => (other.p95_us ?? 0) - (one.p95_us ?? 0))[0];
  return { calls, failed, answered: calls - refused, worst };
}

/** How much of the errors that the target allows are left, in percent; below zero it is overdrawn. */
export function errorBudgetLeft(successPercent: number, targetPercent: number): number {
  const allowed = 100 - targetPercent;
  const had = 100 - successPercent;
  if (allowed <= 0) return had > 0 ? 0 : 100;
  return (1 - had / allowed) * 100;
}

export function troubled(service: Service): boolean {
  const endpoints = service.versions.flatMap((version) => version.endpoints);
  return (
    service.status === "unhealthy" ||
    service.status === "degraded" ||
    endpoints.some((endpoint) => endpoint.breaker !== null && endpoint.breaker.state !== "closed")
  );
}
