import Button from "@mui/material/Button";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { callSeries } from "../../api/queries/calls";
import { editKey, keyDetail, revokeKey, rotateKey } from "../../api/queries/keys";
import { useMay } from "../../api/session";
import type { Key, KeyWithSecret } from "../../api/types";
import { Ask, FormDialog } from "../../parts/ask";
import { Spark } from "../../parts/chart";
import { CopyId } from "../../parts/copy";
import { useForm } from "../../parts/form";
import { count, exact, money, tokens } from "../../parts/format";
import { useNow } from "../../parts/now";
import { Facts } from "../../parts/page";
import { startOf, stepFor } from "../../parts/range";
import { SideSheet } from "../../parts/sheet";
import { say } from "../../parts/toasts";
import { Lines, Loaded } from "../../parts/trouble";
import { Ago } from "../../parts/words";
import { ladder } from "../calls/series";
import { checkKey, KeyFields, type KeyValues } from "./fields";
import { KeyStatus } from "./keys";

const dayS = 86_400;

function Usage({ id }: { id: string }) {
  const now = useNow();
  const from = startOf("24h", now) ?? "";
  const query = useQuery(callSeries({ from, step_s: stepFor(dayS), principal_id: id }));
  return (
    <section className="stack tight" aria-label="Usage">
      <div className="row apart">
        <h3>Last 24 hours</h3>
        <Link to={`/calls?principal_id=${id}`}>Its calls</Link>
      </div>
      <Loaded query={query} what="The usage">
        {(series) => {
          const total = (pick: "calls" | "failed" | "refused" | "tokens" | "cost_microusd") =>
            series.points.reduce((sum, point) => sum + point[pick], 0);
          return (
            <>
              <Spark
                values={ladder(series.points, series.step_s, Date.parse(from), now).points.map(
                  (point) => point?.calls ?? 0,
                )}
                color="var(--accent)"
              />
              <Facts
                of={[
                  ["Calls", count(total("calls"))],
                  ["Failed, refused", `${count(total("failed"))}, ${count(total("refused"))}`],
                  ["Tokens", tokens(total("tokens"))],
                  ["Cost", money(total("cost_microusd"))],
                ]}
              />
            </>
          );
        }}
      </Loaded>
    </section>
  );
}

function Rotate({ of, onSecret, onClose }: { of: Key; onSecret: (made: KeyWithSecret) => void; onClose: () => void }) {
  const form = useForm({ overlap: String(dayS) }, () => ({}));
  const rotate = useMutation({
    ...rotateKey(of.id),
    onSuccess: (made) => {
      onClose();
      onSecret(made);
    },
  });
  return (
    <FormDialog
      title={`Rotate ${of.name}`}
      verb="Rotate key"
      busy={rotate.isPending}
      error={rotate.error}
      onClose={onClose}
      onSubmit={() => rotate.mutate(Number(form.values.overlap))}
    >
      <p>
        It gets a new secret, shown once. The old one goes on working for a while, so that nothing stops in between.
      </p>
      <TextField select label="The old secret works for" {...form.text("overlap")}>
        <MenuItem value="0">no longer</MenuItem>
        <MenuItem value="3600">another hour</MenuItem>
        <MenuItem value={String(dayS)}>another day</MenuItem>
        <MenuItem value={String(7 * dayS)}>another week</MenuItem>
      </TextField>
    </FormDialog>
  );
}

function Revoke({ of, onClose }: { of: Key; onClose: () => void }) {
  const revoke = useMutation({
    ...revokeKey(of.id),
    onSuccess: () => {
      onClose();
      say(`${of.name} is revoked.`);
    },
  });
  return (
    <Ask
      title={`Revoke ${of.name}?`}
      verb="Revoke key"
      busy={revoke.isPending}
      error={revoke.error}
      onYes={() => revoke.mutate()}
      onClose={onClose}
    >
      Every program that uses <strong>{of.name}</strong> (<span className="mono">{of.prefix}…</span>) is refused from
      now on. This cannot be undone.
    </Ask>
  );
}

function Edit({ of, onClose }: { of: Key; onClose: () => void }) {
  const start: KeyValues = {
    name: of.name,
    permissions: of.permissions,
    every_service: of.services === null,
    services: of.services ?? [],
    rate_limit_per_minute: of.rate_limit_per_minute === null ? "" : String(of.rate_limit_per_minute),
  };
  const form = useForm(start, checkKey);
  const edit = useMutation({ ...editKey(of.id), onSuccess: onClose, onError: form.takeRefusal });
  const save = () => {
    const { name, permissions, every_service, services, rate_limit_per_minute } = form.values;
    edit.mutate({
      name: name.trim(),
      permissions,
      services: every_service ? null : services,
      rate_limit_per_minute: rate_limit_per_minute ? Number(rate_limit_per_minute) : null,
    });
  };
  return (
    <FormDialog
      title={`Edit ${of.name}`}
      verb="Save"
      busy={edit.isPending}
      error={edit.error}
      onClose={onClose}
      onSubmit={() => form.attempt(save)}
    >
      <KeyFields form={form} />
    </FormDialog>
  );
}

interface DrawerProps {
  id: string;
  mayManage: boolean;
  onSecret: (made: KeyWithSecret) => void;
  onClose: () => void;
}

export function KeyDrawer({ id, mayManage, onSecret, onClose }: DrawerProps) {
  const query = useQuery(keyDetail(id));
  const mayReadCalls = useMay("calls.read");
  const [over, setOver] = useState<"rotate" | "revoke" | "edit" | null>(null);
  const close = () => setOver(null);
  return (
    <SideSheet title={query.data?.name ?? "Key"} onClose={onClose}>
      <Loaded query={query} what="This key" skeleton={<Lines count={6} />}>
        {(key) => (
          <>
            <div className="row">
              <KeyStatus status={key.status} />
              {mayManage && key.status === "active" && (
                <>
                  <Button onClick={() => setOver("edit")}>Edit</Button>
                  <Button onClick={() => setOver("rotate")}>Rotate</Button>
                  <Button color="error" onClick={() => setOver("revoke")}>
                    Revoke
                  </Button>
                </>
              )}
            </div>
            <Facts
              of={[
                ["Starts with", <CopyId key="prefix" id={key.prefix} />],
                ["Scope", key.scope],
                ["May", key.permissions.join(", ") || "nothing"],
                ["Services", key.services === null ? "all" : key.services.join(", ") || "none"],
                [
                  "Calls a minute",
                  key.rate_limit_per_minute === null ? "default" : `at most ${count(key.rate_limit_per_minute)}`,
                ],
                ["Last used", <Ago key="used" at={key.last_used_at} never="never" />],
                ["Expires", <Ago key="expires" at={key.expires_at} never="never" />],
                ...(key.previous_valid_until
                  ? ([["Old secret", `works until ${exact(key.previous_valid_until)}`]] as [string, string][])
                  : []),
                [
                  "Created",
                  <span key="created">
                    <Ago at={key.created_at} />
                    {key.created_by && ` by ${key.created_by}`}
                  </span>,
                ],
                ["Id", <CopyId key="id" id={key.id} />],
              ]}
            />
            {mayReadCalls && <Usage id={key.id} />}
            {over === "rotate" && <Rotate of={key} onSecret={onSecret} onClose={close} />}
            {over === "revoke" && <Revoke of={key} onClose={close} />}
            {over === "edit" && <Edit of={key} onClose={close} />}
          </>
        )}
      </Loaded>
    </SideSheet>
  );
}
