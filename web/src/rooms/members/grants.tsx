import Button from "@mui/material/Button";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { allKeys } from "../../api/queries/keys";
import { allServices } from "../../api/queries/services";
import { addGrant, allMembers, grantList, removeGrant } from "../../api/queries/tenancy";
import { useMay } from "../../api/session";
import type { Grant, GrantDraft } from "../../api/types";
import { Ask, FormDialog } from "../../parts/ask";
import { useForm } from "../../parts/form";
import { Card } from "../../parts/page";
import { Table } from "../../parts/table";
import { Empty, Loaded } from "../../parts/trouble";
import { Ago } from "../../parts/words";

const permissions: GrantDraft["permission"][] = ["services.read", "services.call", "services.manage"];
const start: { principal: string; service: string; permission: GrantDraft["permission"] } = {
  principal: "",
  service: "",
  permission: "services.call",
};

function AddGrant({ onClose }: { onClose: () => void }) {
  const members = useQuery(allMembers).data ?? [];
  const keys = useQuery({ ...allKeys, enabled: useMay("keys.read") }).data ?? [];
  const services = useQuery(allServices).data ?? [];
  const form = useForm(start, (values) => ({
    principal: values.principal ? undefined : "Choose who",
    service: values.service ? undefined : "Choose the service",
  }));
  const add = useMutation({ ...addGrant, onSuccess: onClose, onError: form.takeRefusal });
  const give = () => {
    const [kind, id = ""] = form.values.principal.split(" ");
    add.mutate({
      principal_kind: kind === "key" ? "key" : "person",
      principal_id: id,
      resource_kind: "service",
      resource_id: form.values.service,
      permission: form.values.permission,
    });
  };
  return (
    <FormDialog
      title="Give one permission on one service"
      verb="Give"
      busy={add.isPending}
      error={add.error}
      onClose={onClose}
      onSubmit={() => form.attempt(give)}
    >
      <TextField select label="Who" margin="dense" {...form.text("principal")}>
        {members.map((member) => (
          <MenuItem key={member.person_id} value={`person ${member.person_id}`}>
            {member.name} ({member.email})
          </MenuItem>
        ))}
        {keys.map((key) => (
          <MenuItem key={key.id} value={`key ${key.id}`}>
            {key.name} (key)
          </MenuItem>
        ))}
      </TextField>
      <TextField select label="On" {...form.text("service")}>
        {services.map((service) => (
          <MenuItem key={service.id} value={service.id}>
            {service.name}
          </MenuItem>
        ))}
      </TextField>
      <TextField select label="May" {...form.text("permission")}>
        {permissions.map((permission) => (
          <MenuItem key={permission} value={permission}>
            {permission}
          </MenuItem>
        ))}
      </TextField>
    </FormDialog>
  );
}

/** Permissions that somebody has on one service only, beyond the role. */
export function Grants({ mayManage }: { mayManage: boolean }) {
  const query = useQuery(grantList());
  const services = useQuery({ ...allServices, enabled: useMay("services.read") }).data ?? [];
  const [adding, setAdding] = useState(false);
  const [asked, setAsked] = useState<Grant | null>(null);
  const remove = useMutation({ ...removeGrant, onSuccess: () => setAsked(null) });
  const serviceName = (id: string) => services.find((service) => service.id === id)?.name ?? id;
  return (
    <Card
      title="Grants on single services"
      flush
      aside={mayManage && <Button onClick={() => setAdding(true)}>Add grant</Button>}
    >
      <Loaded query={query} what="The grants">
        {(grants) =>
          grants.length === 0 ? (
            <Empty title="No grants">
              A grant lets one person or key use one restricted service, whatever their role is.
            </Empty>
          ) : (
            <Table<Grant>
              label="Grants"
              rows={grants}
              rowKey={(grant) => grant.id}
              columns={[
                { name: "Who", cell: (grant) => <span className="break">{grant.principal.name}</span> },
                { name: "May", cell: (grant) => <span className="break">{grant.permission}</span> },
                { name: "On", cell: (grant) => <span className="break">{serviceName(grant.resource_id)}</span> },
                { name: "Since", hide: "s", nowrap: true, right: true, cell: (grant) => <Ago at={grant.created_at} /> },
                ...(mayManage
                  ? [
                      {
                        name: "Actions",
                        silent: true,
                        right: true,
                        cell: (grant: Grant) => (
                          <Button variant="text" color="error" onClick={() => setAsked(grant)}>
                            Take back<span className="hidden-text"> from {grant.principal.name}</span>
                          </Button>
                        ),
                      },
                    ]
                  : []),
              ]}
            />
          )
        }
      </Loaded>
      {adding && <AddGrant onClose={() => setAdding(false)} />}
      {asked && (
        <Ask
          title="Take the grant back?"
          verb="Take back"
          busy={remove.isPending}
          error={remove.error}
          onYes={() => remove.mutate(asked.id)}
          onClose={() => setAsked(null)}
        >
          <strong>{asked.principal.name}</strong> loses {asked.permission} on{" "}
          <strong>{serviceName(asked.resource_id)}</strong>, unless the role gives it anyway.
        </Ask>
      )}
    </Card>
  );
}
