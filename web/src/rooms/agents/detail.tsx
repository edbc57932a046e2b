import Button from "@mui/material/Button";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { agentCard, agentDetail, refreshAgent } from "../../api/queries/agents";
import { eventList } from "../../api/queries/events";
import { checkService, deleteService } from "../../api/queries/services";
import { queryClient } from "../../api/query-client";
import { useMay } from "../../api/session";
import type { Agent } from "../../api/types";
import { Ask } from "../../parts/ask";
import { Code, CopyId } from "../../parts/copy";
import { useFilters } from "../../parts/filters";
import { counted } from "../../parts/format";
import { Card, Facts, PageHead } from "../../parts/page";
import { TabLinks } from "../../parts/tabs";
import { say } from "../../parts/toasts";
import { Loaded, Trouble } from "../../parts/trouble";
import { Ago, Parts, Tag } from "../../parts/words";
import { bare } from "../events/kinds";
import { bindingName, documentationIn, interfacesIn, modesIn, providerIn, skillsIn } from "./card";
import { HowToCall } from "./how-to-call";
import { pathOf } from "./paths";
import { SkillLines } from "./skills";
import { Tasks } from "./tasks";
import { TryIt } from "./try-it";
import { HealthPill } from "./words";

function Delete({ of, onClose }: { of: Agent; onClose: () => void }) {
  const navigate = useNavigate();
  const remove = useMutation({
    ...deleteService(of.name),
    onSuccess: () => {
      navigate("/agents");
      queryClient.removeQueries({ queryKey: ["agents", "detail", of.name] });
      say(`${of.name} is deleted.`);
      void queryClient.invalidateQueries({ queryKey: ["agents", "list"] });
    },
  });
  return (
    <Ask
      title={`Delete ${of.name}?`}
      verb="Delete agent"
      typeName={of.name}
      busy={remove.isPending}
      error={remove.error}
      onYes={() => remove.mutate()}
      onClose={onClose}
    >
      The agent <strong>{of.name}</strong> is taken out of the door with its card and the record of its tasks, and calls
      to it are refused from then on. The record of past calls stays, and the agent itself goes on running.
    </Ask>
  );
}

function Actions({ of, onDelete }: { of: Agent; onDelete: () => void }) {
  const mayService = useMay("services.manage");
  const refresh = useMutation({
    ...refreshAgent(of.name),
    onSuccess: (now) =>
      now.card.problem
        ? say(`The card of ${now.name} could not be used: ${now.card.problem}`, "bad")
        : say(`The card of ${now.name} was read.`),
    onError: (error) => say(`The card was not read: ${error.message}`, "bad"),
  });
  const check = useMutation({
    ...checkService(of.name),
    onSuccess: () => {
      say(`${of.name} was asked how it does.`);
      void queryClient.invalidateQueries({ queryKey: ["agents"] });
    },
    onError: (error) => say(`The check failed: ${error.message}`, "bad"),
  });
  return (
    <>
      <Button onClick={() => refresh.mutate()} disabled={refresh.isPending}>
        {refresh.isPending ? "Reading…" : "Read card now"}
      </Button>
      {mayService && (
        <>
          <Button onClick={() => check.mutate()} disabled={check.isPending}>
            {check.isPending ? "Checking…" : "Check health"}
          </Button>
          <Button component={Link} to={`/services/${encodeURIComponent(of.name)}`}>
            Endpoints
          </Button>
          <Button color="error" onClick={onDelete}>
            Delete
          </Button>
        </>
      )}
    </>
  );
}

function Troubles({ of }: { of: Agent }) {
  const { health, card } = of;
  return (
    <>
      {card.problem && (
        <p className="notice bad">
          {card.read_at ? "The newest try to read the card failed, and the one before stays in force: " : ""}
          {card.problem}
        </p>
      )}
      {(health.status === "unhealthy" || health.status === "dead") && (
        <p className="notice bad">
          {counted(health.failures, "check")} in a row failed: {health.last_error ?? "no reason was given"}
        </p>
      )}
      {card.notes.length > 0 && (
        <div className="notice warn">
          {card.notes.map((note) => (
            <p key={note}>{note}</p>
          ))}
        </div>
      )}
    </>
  );
}

function yes(word: boolean) {
  return word ? "yes" : "no";
}

function CardFacts({ of, raw }: { of: Agent; raw: Record<string, unknown> | undefined }) {
  const [provider, documentation] = raw ? [providerIn(raw), documentationIn(raw)] : [null, null];
  const modes = raw ? modesIn(raw) : null;
  const { card } = of;
  return (
    <Card title="Card">
      <Facts
        of={[
          ["Says it is", `${of.title}${of.version ? ` ${of.version}` : ""}`],
          ...(provider ? [["By", provider] as [string, string]] : []),
          ["Speaks A2A", card.protocols.join(" and ") || "not known yet"],
          ["Streams", yes(card.streaming)],
          ["Push notifications", yes(card.push_notifications)],
          ...(modes && modes.input.length > 0
            ? [
                ["Takes", modes.input.join(", ")] as [string, string],
                ["Gives", modes.output.join(", ")] as [string, string],
              ]
            : []),
          ["Read", <Ago key="read" at={card.read_at} never="never" />],
          ["Changed", <Ago key="changed" at={card.changed_at} never="never" />],
          ["Read from", <Parts key="from" of={card.url} />],
          ...(documentation
            ? [
                [
                  "Documentation",
                  <a key="doc" href={documentation} rel="noreferrer noopener" target="_blank">
                    {documentation}
                  </a>,
                ] as [string, React.ReactNode],
              ]
            : []),
        ]}
      />
    </Card>
  );
}

function Interfaces({ raw }: { raw: Record<string, unknown> }) {
  const found = interfacesIn(raw);
  return (
    <Card title="What clients speak to it">
      <ul className="stack tight" style={{ listStyle: "none", margin: 0, padding: 0 }}>
        {found.map((each) => (
          <li key={`${each.protocol} ${each.binding}`} className="row">
            <Tag>A2A {each.protocol}</Tag>
            <span>{bindingName(each.binding)}</span>
          </li>
        ))}
      </ul>
      <p className="dim">Translated where the agent speaks another version or binding.</p>
    </Card>
  );
}

function Health({ of }: { of: Agent }) {
  const { health } = of;
  return (
    <Card title="Health">
      <Facts
        of={[
          ["State", <HealthPill key="state" of={health.status} />],
          ["Since", <Ago key="since" at={health.since} never="not known" />],
          ["Last asked", <Ago key="asked" at={health.checked_at} never="not yet" />],
          ["Asked at", <Parts key="at" of={health.endpoint} />],
          ["Every", `${health.interval_s} s, for at most ${health.timeout_s} s`],
          ["Unhealthy, dead", `after ${health.threshold} and ${health.dead_after} failures in a row`],
        ]}
      />
      <History of={of} />
    </Card>
  );
}

/** What became of the agent, as its events tell. */
function History({ of }: { of: Agent }) {
  const subject = `agent:${of.id}`;
  const mayRead = useMay("events.read");
  const query = useInfiniteQuery({ ...eventList({ subject }), enabled: mayRead, refetchInterval: 30_000 });
  const events = query.data?.pages[0]?.items.filter((event) => event.kind.startsWith("agent.")).slice(0, 8);
  if (!events?.length) return null;
  return (
    <>
      <h3 style={{ marginTop: 12 }}>What happened</h3>
      <ol className="attempts" aria-label="What happened" style={{ listStyle: "none", margin: "6px 0 0", padding: 0 }}>
        {events.map((event) => (
          <li
            key={event.id}
            className={
              event.kind.startsWith("agent.healthy") ? "ok-mark" : event.category === "error" ? "bad-mark" : undefined
            }
          >
            <div className="row apart">
              <span className="mono">{bare(event.kind)}</span>
              <span className="dim">
                <Ago at={event.at} />
              </span>
            </div>
          </li>
        ))}
      </ol>
      <Link to={`/events?subject=${encodeURIComponent(subject)}`}>All its events</Link>
    </>
  );
}

function Overview({ of, raw }: { of: Agent; raw: Record<string, unknown> | undefined }) {
  const example = raw ? skillsIn(raw).flatMap((skill) => skill.examples)[0] : undefined;
  return (
    <div className="main-side">
      <div className="stack">
        <Card title={counted(of.skills.length, "skill")}>
          <SkillLines skills={of.skills} card={raw} linked />
        </Card>
        <HowToCall of={of} example={example} />
      </div>
      <div className="stack">
        <Card title="Where clients reach it">
          <CopyId id={of.url} />
          <p className="dim">
            {of.visibility === "org"
              ? "For everybody in the org who may call services."
              : "Only for those with a grant."}
          </p>
        </Card>
        <Health of={of} />
        <CardFacts of={of} raw={raw} />
        {raw && <Interfaces raw={raw} />}
      </div>
    </div>
  );
}

const tabs = { overview: "Overview", try: "Try it", tasks: "Tasks", card: "Raw card" };
type Tab = keyof typeof tabs;

function Found({ of }: { of: Agent }) {
  const { values } = useFilters(["tab"] as const);
  const [deleting, setDeleting] = useState(false);
  const mayManage = useMay("agents.manage");
  const may: Record<Tab, boolean> = {
    overview: true,
    try: useMay("services.call"),
    tasks: useMay("calls.read"),
    card: true,
  };
  const card = useQuery({ ...agentCard(of.name), enabled: of.card.read_at !== null });
  const shown = (Object.keys(tabs) as Tab[]).filter((tab) => may[tab]);
  const at = shown.find((tab) => tab === values.tab) ?? "overview";
  const path = pathOf(of);
  return (
    <>
      <PageHead
        title={of.name}
        tab={of.name}
        back={{ to: "/agents", name: "Agents" }}
        marks={<HealthPill of={of.health.status} />}
        line={of.metadata.description}
        actions={mayManage && <Actions of={of} onDelete={() => setDeleting(true)} />}
      />
      <Troubles of={of} />
      <TabLinks
        label="Views of this agent"
        at={at}
        tabs={shown.map((tab) => ({
          value: tab,
          name: tabs[tab],
          to: tab === "overview" ? path : `${path}?tab=${tab}`,
        }))}
      />
      {at === "overview" && <Overview of={of} raw={card.data} />}
      {at === "try" && <TryIt key={of.id} of={of} raw={card.data} />}
      {at === "tasks" && <Tasks of={of} />}
      {at === "card" && (
        <Card title="The card, as clients get it">
          {card.error && <Trouble error={card.error} what="The card" retry={() => card.refetch()} />}
          {!card.error && of.card.read_at === null && <p className="dim">It was not read yet.</p>}
          {card.data && <Code label="Card" text={JSON.stringify(card.data, null, 2)} />}
        </Card>
      )}
      {deleting && <Delete of={of} onClose={() => setDeleting(false)} />}
    </>
  );
}

export function AgentPage() {
  const { name = "" } = useParams();
  const query = useQuery(agentDetail(name));
  return (
    <>
      {!query.data && <PageHead title={name} tab={name} back={{ to: "/agents", name: "Agents" }} />}
      <Loaded query={query} what={`The agent ${name}`}>
        {(agent) => <Found of={agent} />}
      </Loaded>
    </>
  );
}
