import type { PolicyEffect } from "../../api/types";

export interface Example {
  says: string;
  name: string;
  effect: PolicyEffect;
  expression: string;
  targets: string;
}

/** Each can be saved as it is; what they speak of is what an org changes first. */
export const examples: Example[] = [
  {
    says: "No file below /etc, for anybody",
    name: "no-etc",
    effect: "deny",
    expression: 'has(args.path) && args.path.startsWith("/etc")',
    targets: "files/*",
  },
  {
    says: "Keys may only call tools that change nothing",
    name: "keys-only-read",
    effect: "deny",
    expression: 'principal.kind == "key" && !(has(tool.annotations.readOnlyHint) && tool.annotations.readOnlyHint)',
    targets: "",
  },
  {
    says: "Nobody but people sees tools that delete",
    name: "hide-delete",
    effect: "hide",
    expression: 'principal.kind != "person"',
    targets: "*/delete_*",
  },
  {
    says: "Refunds up to 100, and nothing else of the shop",
    name: "small-refunds",
    effect: "allow",
    expression: 'tool.name == "refund" && has(args.amount) && args.amount <= 100',
    targets: "shop/*",
  },
  {
    says: "Only from our own network",
    name: "own-network",
    effect: "deny",
    expression: '!request.address.startsWith("10.")',
    targets: "",
  },
];
