import Button from "@mui/material/Button";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { invitationList, invite, withdrawInvitation } from "../../api/queries/tenancy";
import type { Invitation, Role } from "../../api/types";
import { Ask, FormDialog } from "../../parts/ask";
import { useForm } from "../../parts/form";
import { ShownOnce } from "../../parts/once";
import { Card } from "../../parts/page";
import { Table } from "../../parts/table";
import { say } from "../../parts/toasts";
import { Empty, Loaded } from "../../parts/trouble";
import { Ago, Parts, Pill, type Tone } from "../../parts/words";
import { roles } from "./roles";

export const invitationLink = (token: string) => `${location.origin}/invite#${token}`;

export function InviteDialog({ onClose }: { onClose: () => void }) {
  const form = useForm<{ email: string; role: Role }>({ email: "", role: "developer" }, (values) => ({
    email: /^\S+@\S+\.\S+$/.test(values.email) ? undefined : "Enter an email address",
  }));
  const send = useMutation({ ...invite, onError: form.takeRefusal });
  if (send.data?.token) {
    return (
      <ShownOnce
        title={`The invitation of ${send.data.email}`}
        warning="This link is shown once. Send it to the person yourself; whoever holds it can join with this role."
        text={invitationLink(send.data.token)}
        onClose={onClose}
      />
    );
  }
  return (
    <FormDialog
      title="Invite a person"
      verb="Make invitation"
      busy={send.isPending}
      error={send.error}
      onClose={onClose}
      onSubmit={() => form.attempt(() => send.mutate(form.values))}
    >
      <TextField label="Email" type="email" autoFocus margin="dense" {...form.text("email")} />
      <TextField
        select
        label="Role"
        {...form.text("role", roles.find((role) => role.value === form.values.role)?.says)}
      >
        {roles.map((role) => (
          <MenuItem key={role.value} value={role.value}>
            {role.value}
          </MenuItem>
        ))}
      </TextField>
    </FormDialog>
  );
}

const tones: Record<Invitation["status"], Tone> = {
  pending: "accent",
  accepted: "ok",
  expired: "warn",
  revoked: "plain",
};

export function Invitations({ mayManage }: { mayManage: boolean }) {
  const query = useQuery(invitationList);
  const [asked, setAsked] = useState<Invitation | null>(null);
  const withdraw = useMutation({
    ...withdrawInvitation,
    onSuccess: () => {
      say("The invitation is withdrawn.");
      setAsked(null);
    },
  });
  return (
    <Card title="Invitations" flush>
      <Loaded
        query={query}
        what="The invitations"
        skeleton={
          <Table<Invitation>
            label="Invitations"
            rows={undefined}
            rowKey={(it) => it.id}
            columns={[{ name: "Email", cell: () => null }]}
            skeletonRows={2}
          />
        }
      >
        {(invitations) =>
          invitations.length === 0 ? (
            <Empty title="Nobody is invited right now" command="portico people invite dev@example.com --role developer">
              An invitation is a link you pass on yourself; it works once.
            </Empty>
          ) : (
            <Table<Invitation>
              label="Invitations"
              rows={invitations}
              rowKey={(it) => it.id}
              columns={[
                { name: "Email", cell: (it) => <Parts of={it.email} /> },
                { name: "Role", cell: (it) => it.role },
                { name: "State", nowrap: true, cell: (it) => <Pill tone={tones[it.status]}>{it.status}</Pill> },
                { name: "By", hide: "m", cell: (it) => <span className="break">{it.invited_by}</span> },
                {
                  name: "Expires",
                  hide: "s",
                  nowrap: true,
                  right: true,
                  cell: (it) => <Ago at={it.status === "pending" || it.status === "expired" ? it.expires_at : null} />,
                },
                ...(mayManage
                  ? [
                      {
                        name: "Actions",
                        silent: true,
                        right: true,
                        cell: (it: Invitation) =>
                          it.status === "pending" && (
                            <Button variant="text" color="error" onClick={() => setAsked(it)}>
                              Withdraw<span className="hidden-text"> the invitation of {it.email}</span>
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
      {asked && (
        <Ask
          title="Withdraw the invitation?"
          verb="Withdraw"
          busy={withdraw.isPending}
          error={withdraw.error}
          onYes={() => withdraw.mutate(asked.id)}
          onClose={() => setAsked(null)}
        >
          The link sent to <strong>{asked.email}</strong> stops working.
        </Ask>
      )}
    </Card>
  );
}
