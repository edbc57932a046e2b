import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { editService } from "../../api/queries/services";
import { useMe } from "../../api/session";
import type { Service } from "../../api/types";
import { FormDialog } from "../../parts/ask";
import { Code } from "../../parts/copy";
import { useForm } from "../../parts/form";
import { say } from "../../parts/toasts";
import { changesOf, check, valuesOf } from "./draft";
import { ServiceFields } from "./fields";

/** Edits what was there when the dialog opened, and says so when somebody else changed it meanwhile. */
export function Edit({ service, onClose }: { service: Service; onClose: () => void }) {
  const { scope } = useMe();
  const [opened] = useState(service);
  const before = valuesOf(opened);
  const form = useForm(before, (values) => check(values, false));
  const changes = form.valid ? changesOf(before, form.values, opened.scope ?? scope) : {};
  const edit = useMutation({
    ...editService(service.name),
    onSuccess: () => {
      say(`${service.name} is changed.`);
      onClose();
    },
    onError: form.takeRefusal,
  });
  const changed = Object.keys(changes).length > 0;
  return (
    <FormDialog
      title={`Edit ${service.name}`}
      verb="Save"
      wide
      busy={edit.isPending}
      ready={changed || !form.valid}
      error={edit.error}
      onClose={onClose}
      onSubmit={() => form.attempt(() => edit.mutate(changes))}
    >
      {service.updated_at !== opened.updated_at && (
        <p className="notice warn" role="status">
          Somebody else changed this service since you opened it. Saving replaces only the fields you changed; close and
          open again to see theirs.
        </p>
      )}
      <div />
      <ServiceFields form={form} isNew={false} />
      {changed && (
        <div className="stack tight">
          <h3>What changes</h3>
          <Code label="What changes" text={JSON.stringify(changes, null, 2)} />
        </div>
      )}
    </FormDialog>
  );
}
