import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { changeTool } from "../../api/queries/tools";
import type { Tool } from "../../api/types";
import { FormDialog } from "../../parts/ask";
import { useForm } from "../../parts/form";
import { say } from "../../parts/toasts";

const mostS = 86_400;

/** For how long, and for whom, the same call may be answered with an earlier result. */
export function Keep({ of, onClose }: { of: Tool; onClose: () => void }) {
  const form = useForm({ cache_ttl_s: String(of.cache_ttl_s), cache_scope: of.cache_scope as string }, (values) => {
    const ttl = Number(values.cache_ttl_s);
    const wrong = values.cache_ttl_s.trim() === "" || !Number.isInteger(ttl) || ttl < 0 || ttl > mostS;
    return { cache_ttl_s: wrong ? "Whole seconds, from 0 (never) to a day (86400)" : undefined };
  });
  const change = useMutation({
    ...changeTool(of.id),
    onSuccess: () => {
      say(`How results of ${of.name} are kept is changed.`);
      onClose();
    },
    onError: form.takeRefusal,
  });
  return (
    <FormDialog
      title={`Keep results of ${of.name}`}
      verb="Save"
      busy={change.isPending}
      error={change.error}
      onClose={onClose}
      onSubmit={() =>
        form.attempt(() =>
          change.mutate({
            cache_ttl_s: Number(form.values.cache_ttl_s),
            cache_scope: form.values.cache_scope as Tool["cache_scope"],
          }),
        )
      }
    >
      <p>
        The same call with the same arguments is then answered with the earlier result, and does not reach the server.
        Only for tools that change nothing.
      </p>
      <TextField label="Seconds" {...form.text("cache_ttl_s", "0: never")} />
      <TextField select label="For whom" {...form.text("cache_scope")}>
        <MenuItem value="private">each caller alone</MenuItem>
        <MenuItem value="public">all callers: results must not depend on who asks</MenuItem>
      </TextField>
    </FormDialog>
  );
}
