import type { WebhookWithSecret } from "../../api/types";
import { ShownOnce } from "../../parts/once";
import { Snippets } from "./snippets";

/** The secret, once, beside what it is for. */
export function WebhookSecret({ made, onClose }: { made: WebhookWithSecret; onClose: () => void }) {
  return (
    <ShownOnce
      title={`The secret of ${made.webhook.name}`}
      warning="This is the only time the secret is shown. Store it where your endpoint reads it; Portico keeps it sealed."
      text={made.secret}
      onClose={onClose}
    >
      <h3>Your endpoint verifies every delivery with it</h3>
      <Snippets />
    </ShownOnce>
  );
}
