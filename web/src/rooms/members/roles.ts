import type { Role } from "../../api/types";

export const roles: { value: Role; says: string }[] = [
  { value: "viewer", says: "sees services, calls, budgets and settings" },
  { value: "operator", says: "also calls services, and sees keys, members and the audit" },
  { value: "developer", says: "also registers services and manages keys and secrets" },
  { value: "admin", says: "everything in the org" },
];
