import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { changeMember, removeMember, scopeList } from "../../api/queries/tenancy";
import { useMe } from "../../api/session";
import type { Member } from "../../api/types";
import { Ask, FormDialog } from "../../parts/ask";
import { useForm } from "../../parts/form";
import { say } from "../../parts/toasts";
import { roles } from "./roles";

export function EditMember({ member, onClose }: { member: Member; onClose: () => void }) {
  const me = useMe();
  const scopes = useQuery(scopeList).data ?? [];
  const form = useForm(
    { role: member.role, is_owner: member.is_owner, every_scope: member.scopes === null, scopes: member.scopes ?? [] },
    (values) => ({
      scopes: values.every_scope || values.scopes.length > 0 ? undefined : "Choose at least one scope",
    }),
  );
  const change = useMutation({
    ...changeMember,
    onSuccess: (now) => {
      say(`${now.name} is now ${now.role}.`);
      onClose();
    },
    onError: form.takeRefusal,
  });
  const { values } = form;
  const save = () =>
    change.mutate({
      person_id: member.person_id,
      role: values.role,
      scopes: values.every_scope ? null : values.scopes,
      ...(values.is_owner === member.is_owner ? {} : { is_owner: values.is_owner }),
    });
  return (
    <FormDialog
      title={`Change ${member.name}`}
      verb="Save"
      busy={change.isPending}
      error={change.error}
      onClose={onClose}
      onSubmit={() => form.attempt(save)}
    >
      <TextField
        select
        label="Role"
        margin="dense"
        {...form.text("role", roles.find((role) => role.value === values.role)?.says)}
      >
        {roles.map((role) => (
          <MenuItem key={role.value} value={role.value}>
            {role.value}
          </MenuItem>
        ))}
      </TextField>
      {me.is_owner && (
        <FormControlLabel
          label="Owner: may also delete the org, and admins cannot remove them"
          control={
            <Checkbox checked={values.is_owner} onChange={(event) => form.set("is_owner", event.target.checked)} />
          }
        />
      )}
      <fieldset style={{ border: 0, margin: 0, padding: 0 }}>
        <legend className="strong">In these scopes</legend>
        <FormControlLabel
          label="All"
          control={
            <Checkbox
              checked={values.every_scope}
              onChange={(event) => form.set("every_scope", event.target.checked)}
            />
          }
        />
        {!values.every_scope && (
          <div className="checks">
            {scopes.map(({ name }) => (
              <FormControlLabel
                key={name}
                label={name}
                control={
                  <Checkbox
                    checked={values.scopes.includes(name)}
                    onChange={() =>
                      form.set(
                        "scopes",
                        values.scopes.includes(name)
                          ? values.scopes.filter((it) => it !== name)
                          : [...values.scopes, name],
                      )
                    }
                  />
                }
              />
            ))}
          </div>
        )}
        {form.problem("scopes") && <p className="bad">{form.problem("scopes")}</p>}
      </fieldset>
    </FormDialog>
  );
}

export function RemoveMember({ member, onClose }: { member: Member; onClose: () => void }) {
  const me = useMe();
  const remove = useMutation({
    ...removeMember,
    onSuccess: () => {
      say(`${member.name} is no longer a member.`);
      onClose();
    },
  });
  return (
    <Ask
      title={`Remove ${member.name}?`}
      verb="Remove member"
      busy={remove.isPending}
      error={remove.error}
      onYes={() => remove.mutate(member.person_id)}
      onClose={onClose}
    >
      <strong>{member.name}</strong> ({member.email}) loses access to {me.org?.name} at once. What they did stays in the
      audit.
    </Ask>
  );
}
