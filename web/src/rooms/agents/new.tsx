import Button from "@mui/material/Button";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { discoverAgent, registerAgent } from "../../api/queries/agents";
import { secretList } from "../../api/queries/platform";
import { useMay } from "../../api/session";
import type { DiscoveredAgent } from "../../api/types";
import { Code } from "../../parts/copy";
import { useForm } from "../../parts/form";
import { counted } from "../../parts/format";
import { Card, Facts, PageHead } from "../../parts/page";
import { say } from "../../parts/toasts";
import { Trouble } from "../../parts/trouble";
import { Parts } from "../../parts/words";
import { bindingName } from "./card";
import { check, commandOf, draftOf, startValues, urlProblem } from "./draft";
import { pathOf } from "./paths";
import { SkillLines } from "./skills";

function spoken({ interfaces }: DiscoveredAgent): string {
  const of = (protocol: string) => [
    ...new Set(interfaces.filter((each) => each.protocol === protocol).map((each) => bindingName(each.binding))),
  ];
  return [...new Set(interfaces.map((each) => each.protocol))]
    .map((protocol) => `A2A ${protocol} over ${of(protocol).join(" and ")}`)
    .join(", ");
}

function yes(word: boolean) {
  return word ? "yes" : "no";
}

function Preview({ of }: { of: DiscoveredAgent }) {
  return (
    <Card title="What its card says" label="What its card says">
      <div className="stack">
        {of.notes.length > 0 && (
          <div className="notice warn">
            {of.notes.map((note) => (
              <p key={note}>{note}</p>
            ))}
          </div>
        )}
        <Facts
          of={[
            ["Agent", `${of.title} ${of.version}`],
            ["Card found at", <Parts key="card" of={of.card_url} />],
            ["Calls will go to", <Parts key="home" of={of.home} />],
            [
              "Speaks",
              of.interfaces.length === 0 ? (
                <span key="none" className="bad">
                  nothing that leads there: its card names other addresses, so it cannot be registered
                </span>
              ) : (
                spoken(of)
              ),
            ],
            ["Streams", yes(of.streaming)],
            ["Push notifications", yes(of.push_notifications)],
          ]}
        />
        <h3>{counted(of.skills.length, "skill")}</h3>
        <SkillLines skills={of.skills} card={of.card} />
      </div>
    </Card>
  );
}

function Naming({ of, url }: { of: DiscoveredAgent; url: string }) {
  const navigate = useNavigate();
  const form = useForm(startValues(of), check);
  const secrets = useQuery({ ...secretList, enabled: useMay("secrets.read") }).data ?? [];
  const register = useMutation({
    ...registerAgent,
    onSuccess: (made) => {
      say(`${made.name} is registered. Clients reach it at ${made.url}.`);
      navigate(pathOf(made));
    },
    onError: form.takeRefusal,
  });
  const draft = draftOf(of, url, form.values);
  return (
    <Card title="Register it">
      <form
        noValidate
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (!register.isPending) form.attempt(() => register.mutate(draft));
        }}
      >
        <TextField
          label="Name"
          required
          autoFocus
          {...form.text("name", `Clients will call ${location.origin}/a2a/${form.values.name || "NAME"}`)}
        />
        <TextField label="Description" multiline maxRows={6} {...form.text("description")} />
        <TextField select label="Who may call it" {...form.text("visibility")}>
          <MenuItem value="org">everybody in the org who may call services</MenuItem>
          <MenuItem value="restricted">only those with a grant</MenuItem>
        </TextField>
        {secrets.length > 0 && (
          <TextField
            select
            label="Secret to send"
            {...form.text("secret", "As its bearer token; callers never see it")}
          >
            <MenuItem value="">none</MenuItem>
            {secrets.map((secret) => (
              <MenuItem key={secret.name} value={secret.name}>
                {secret.name}
              </MenuItem>
            ))}
          </TextField>
        )}
        {register.error && <Trouble error={register.error} />}
        <div className="row">
          <Button type="submit" variant="contained" disabled={register.isPending || of.interfaces.length === 0}>
            {register.isPending ? "Registering…" : "Register agent"}
          </Button>
        </div>
        <Code label="The same on the command line" text={commandOf(draft)} />
      </form>
    </Card>
  );
}

/** An address first; what is there is shown before anything is stored. */
export function NewAgent() {
  const [url, setUrl] = useState("");
  const [tried, setTried] = useState(false);
  const discover = useMutation(discoverAgent);
  const problem = urlProblem(url.trim());
  const found = discover.data;
  return (
    <>
      <PageHead
        title="Register an agent"
        tab="Register an agent"
        line="its card is read first, and nothing is stored until you have seen it"
        back={{ to: "/agents", name: "Agents" }}
      />
      <Card>
        <form
          noValidate
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            setTried(true);
            if (!problem && !discover.isPending) discover.mutate(url.trim());
          }}
        >
          <TextField
            label="Address of the agent"
            required
            autoFocus
            value={url}
            error={tried && problem !== undefined}
            helperText={
              (tried && problem) ||
              "Below it is /.well-known/agent-card.json; the address of the card itself does as well"
            }
            onChange={(event) => {
              setUrl(event.target.value);
              // What was found belongs to the address that was asked.
              if (found || discover.error) discover.reset();
            }}
            slotProps={{ htmlInput: { className: "mono" } }}
          />
          {discover.error && <Trouble error={discover.error} what="No card was read" />}
          <div className="row">
            <Button type="submit" variant={found ? "outlined" : "contained"} disabled={discover.isPending}>
              {discover.isPending ? "Reading the card…" : found ? "Read it again" : "Read its card"}
            </Button>
            {!found && <span className="dim">At most 5 s; nothing is stored.</span>}
          </div>
        </form>
      </Card>
      {found && (
        <div className="halves" aria-live="polite">
          <Naming key={`${found.card_url} ${found.name}`} of={found} url={url.trim()} />
          <Preview of={found} />
        </div>
      )}
    </>
  );
}
