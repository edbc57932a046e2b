import Button from "@mui/material/Button";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { cancelTask } from "../../api/a2a";
import { agentTask, agentTasks } from "../../api/queries/agents";
import { useMay, useMe } from "../../api/session";
import type { Agent, AgentTask, AgentTaskDetail } from "../../api/types";
import { Code, CopyId } from "../../parts/copy";
import { FilterChip, useFilters } from "../../parts/filters";
import { shortId } from "../../parts/format";
import { Card, Facts } from "../../parts/page";
import { SideSheet } from "../../parts/sheet";
import { type Column, More, Table } from "../../parts/table";
import { say } from "../../parts/toasts";
import { Empty, Loaded, Trouble } from "../../parts/trouble";
import { Ago } from "../../parts/words";
import { hasEnded, taskStates } from "./states";
import { contentOf, textOf } from "./talk";
import { StatePill } from "./words";

function columnsFor(open: (id: string) => void): Column<AgentTask>[] {
  return [
    {
      name: "Task",
      nowrap: true,
      cell: (task) => (
        <button type="button" className="plain-button mono" data-open title={task.id} onClick={() => open(task.id)}>
          {shortId(task.id)}
        </button>
      ),
    },
    { name: "State", nowrap: true, cell: (task) => <StatePill of={task.state} /> },
    { name: "Whose", wide: true, hide: "s", cell: (task) => <span className="break">{task.principal_name}</span> },
    { name: "Began", nowrap: true, hide: "m", cell: (task) => <Ago at={task.created_at} /> },
    { name: "Last told", right: true, nowrap: true, cell: (task) => <Ago at={task.updated_at} /> },
    {
      name: "Call",
      right: true,
      nowrap: true,
      hide: "s",
      cell: (task) => <Link to={`/calls/${task.call_id}`}>its call</Link>,
    },
  ];
}

function Content({ of }: { of: AgentTaskDetail }) {
  const { artifacts, history, status } = contentOf(of.task);
  const last = textOf(status.message?.parts);
  return (
    <>
      {last && <p className="notice break">{last}</p>}
      {artifacts.map((artifact, place) => (
        <section
          key={artifact.artifactId ?? String(place)}
          className="stack tight"
          aria-label={artifact.name || "Artifact"}
        >
          <h3>{artifact.name || "Artifact"}</h3>
          {artifact.description && <p className="dim">{artifact.description}</p>}
          <Code label={artifact.name || "Artifact"} text={textOf(artifact.parts)} />
        </section>
      ))}
      {history.length > 0 && (
        <div className="stack tight">
          <h3>What was said</h3>
          {history.map((message, place) => (
            <div
              key={message.messageId ?? String(place)}
              className={message.role === "ROLE_USER" ? "bubble mine" : "bubble"}
            >
              <span className="hidden-text">{message.role === "ROLE_USER" ? "Asked: " : "Agent: "}</span>
              {textOf(message.parts)}
            </div>
          ))}
        </div>
      )}
      <details>
        <summary>As it was kept</summary>
        <Code label="Task" text={JSON.stringify(of.task, null, 2)} />
      </details>
    </>
  );
}

function TaskSheet({ agent, id, onClose }: { agent: Agent; id: string; onClose: () => void }) {
  const query = useQuery(agentTask(agent.name, id));
  const me = useMe();
  const mayCall = useMay("services.call");
  const cancel = useMutation({
    ...cancelTask,
    onSuccess: () => say("The task is cancelled."),
  });
  return (
    <SideSheet title="Task" onClose={onClose}>
      <Loaded query={query} what="This task">
        {(task) => (
          <>
            <Facts
              of={[
                ["State", <StatePill key="state" of={task.state} />],
                ["Id", <CopyId key="id" id={task.id} />],
                ["Conversation", <CopyId key="context" id={task.context_id} />],
                ["Whose", task.principal_name],
                ["Began", <Ago key="began" at={task.created_at} />],
                ["Last told", <Ago key="told" at={task.updated_at} />],
                [
                  "Call",
                  <Link key="call" to={`/calls/${task.call_id}`}>
                    the call that made it
                  </Link>,
                ],
              ]}
            />
            {mayCall && !hasEnded(task.state) && task.principal_id === me.person?.id && (
              <div className="row">
                <Button
                  color="error"
                  disabled={cancel.isPending}
                  onClick={() => cancel.mutate({ agent: agent.name, taskId: task.id })}
                >
                  {cancel.isPending ? "Cancelling…" : "Cancel task"}
                </Button>
              </div>
            )}
            {cancel.error && <Trouble error={cancel.error} what="The task goes on" />}
            <Content of={task} />
          </>
        )}
      </Loaded>
    </SideSheet>
  );
}

/** What the agent was asked to do, as far as it passed through here. */
export function Tasks({ of }: { of: Agent }) {
  const { values, set } = useFilters(["state", "task"] as const);
  const query = useInfiniteQuery(agentTasks(of.name, values.state));
  const rows = query.data?.pages.flatMap((page) => page.items);
  return (
    <>
      {query.error && <Trouble error={query.error} what="The tasks" retry={() => query.refetch()} />}
      {rows?.length === 0 && !values.state ? (
        <Card>
          <Empty title="No tasks yet" command={`portico agents send ${of.name} "What can you do?"`}>
            A task begins when an agent takes more than one message to answer. Its state and its artifacts are kept here
            for 30 days after its last change, also when Portico or the agent is restarted.
          </Empty>
        </Card>
      ) : (
        !(query.error && !rows) && (
          <>
            <div className="filters">
              <FilterChip name="state" value={values.state} options={taskStates} onChange={(state) => set({ state })} />
            </div>
            <div className="card flush">
              <Table
                label="Tasks"
                columns={columnsFor((task) => set({ task }))}
                rows={rows}
                rowKey={(it) => it.id}
                opens
              />
              {rows && <More shown={rows.length} noun="task" {...query} />}
            </div>
          </>
        )
      )}
      {values.task && <TaskSheet agent={of} id={values.task} onClose={() => set({ task: null })} />}
    </>
  );
}
