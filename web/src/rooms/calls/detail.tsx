import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "react-router";
import { callDetail } from "../../api/queries/calls";
import type { CallDetail, Stage } from "../../api/types";
import { Code, CopyButton, CopyId } from "../../parts/copy";
import { bytes, count, duration, exact, money, roundMoney } from "../../parts/format";
import { Card, Facts, PageHead } from "../../parts/page";
import { Lines, Loaded } from "../../parts/trouble";
import { VerdictPill } from "../../parts/verdict";
import { Pill, Tag } from "../../parts/words";
import { adviceFor, asCurl } from "./advice";

function Way({ stages, totalUs, bad }: { stages: Stage[]; totalUs: number; bad: boolean }) {
  const spanUs = Math.max(1, totalUs, ...stages.map((stage) => stage.start_us + stage.took_us));
  const share = (us: number) => `${((us / spanUs) * 100).toFixed(2)}%`;
  return (
    <Card title="The way it took" aside={<span className="dim mono">0 to {duration(spanUs)}</span>}>
      {stages.length === 0 && <p className="dim">The stages of this call are no longer kept.</p>}
      <ol className="stack" style={{ gap: 0 }}>
        {stages.map((stage, index) => (
          <li key={stage.name} className="way">
            <div className="strong">{stage.name}</div>
            <div className="track" aria-hidden="true">
              <i
                className={bad && index === stages.length - 1 ? "bad" : ""}
                style={{ left: `min(${share(stage.start_us)}, calc(100% - 4px))`, width: share(stage.took_us) }}
              />
            </div>
            <div className="mono" style={{ textAlign: "right" }}>
              {duration(stage.took_us)}
            </div>
            <div className="dim note break">{stage.note}</div>
          </li>
        ))}
      </ol>
    </Card>
  );
}

function Who({ call }: { call: CallDetail }) {
  const { kind, id, name } = call.principal;
  const to = kind === "key" && id ? `/keys?open=${id}` : null;
  return (
    <Card label="Who">
      <h2 className="dim" style={{ fontWeight: 400 }}>
        Who
      </h2>
      <div className="strong break">{to ? <Link to={to}>{name}</Link> : name || kind}</div>
      <div className="dim">
        {kind === "key" ? "API key" : kind} · {call.scope}
        {id && (
          <>
            {" · "}
            <Link to={`/calls?principal_id=${id}`}>its calls</Link>
          </>
        )}
      </div>
    </Card>
  );
}

function What({ call }: { call: CallDetail }) {
  return (
    <Card label="What">
      <h2 className="dim" style={{ fontWeight: 400 }}>
        What
      </h2>
      <div className="strong break">
        <Tag>{call.service.kind}</Tag> <Link to={`/services/${call.service.name}`}>{call.service.name}</Link>
        {call.service.version && ` · ${call.service.version}`}
        {call.service.canary && " (canary)"}
        {call.model && call.model !== call.service.name && ` · ${call.model}`}
      </div>
      <div className="dim break">
        {call.method} {call.path}
      </div>
    </Card>
  );
}

function TokensAndCost({ call }: { call: CallDetail }) {
  const counted = call.tokens_in + call.tokens_out > 0;
  return (
    <Card label="Tokens and cost">
      <h2 className="dim" style={{ fontWeight: 400 }}>
        Tokens and cost
      </h2>
      <div className="strong num">
        {counted && `${count(call.tokens_in)} in · ${count(call.tokens_out)} out · `}
        {money(call.cost_microusd)}
      </div>
      <div className="dim">
        {call.tokens_estimated && "tokens estimated · "}
        {call.reserved_microusd ? `${roundMoney(call.reserved_microusd)} was reserved · ` : ""}
        {bytes(call.bytes_in)} in · {bytes(call.bytes_out)} out
      </div>
    </Card>
  );
}

function Time({ call }: { call: CallDetail }) {
  return (
    <Card label="Time">
      <h2 className="dim" style={{ fontWeight: 400 }}>
        Time
      </h2>
      <div className="strong num">
        {duration(call.duration_us)}, {duration(call.added_us)} of it ours
      </div>
      <div className="dim">
        {[
          call.first_byte_us !== null && `first byte ${duration(call.first_byte_us)}`,
          call.snapshot_version !== null && `snapshot ${call.snapshot_version}`,
        ]
          .filter(Boolean)
          .join(" · ")}
      </div>
    </Card>
  );
}

function Reason({ call }: { call: CallDetail }) {
  const advice = adviceFor(call);
  if (!call.reason && !advice) return null;
  return (
    <div className={call.verdict === "cancelled" ? "notice warn" : "notice bad"} role="note">
      {call.reason && (
        <div>
          <strong>{call.reason.message}</strong>{" "}
          <span className="mono">
            {call.reason.code} {call.reason.name}
          </span>
        </div>
      )}
      {advice && <div>{advice}</div>}
    </div>
  );
}

const curlFor = (call: CallDetail) => asCurl(call, location.origin);

function SendAgain({ call }: { call: CallDetail }) {
  return (
    <Card title="Send it again">
      <div className="stack tight">
        <Code label="The call as curl" text={curlFor(call)} />
        <p className="dim">Bodies and headers are not kept: fill in your own, and your key.</p>
      </div>
    </Card>
  );
}

function Found({ call }: { call: CallDetail }) {
  return (
    <>
      <Reason call={call} />
      <div className="tiles">
        <Who call={call} />
        <What call={call} />
        <TokensAndCost call={call} />
        <Time call={call} />
      </div>
      <Way
        stages={call.stages}
        totalUs={call.duration_us}
        bad={call.verdict === "refused" || call.verdict === "failed"}
      />
      <div className="halves">
        <SendAgain call={call} />
        <Card title="Facts">
          <Facts
            of={[
              [
                "At",
                <span key="at" className="mono">
                  {exact(call.at)}
                </span>,
              ],
              [
                "Status",
                <span key="status" className="mono">
                  {call.status || "none"}
                </span>,
              ],
              ["Attempts", String(call.attempts)],
              ["From", call.request.address ?? "unknown"],
              [
                "Endpoint",
                call.service.endpoint ? (
                  <span key="end" className="mono">
                    {call.service.endpoint}
                  </span>
                ) : (
                  "none was chosen"
                ),
              ],
              ["Dialect", call.dialect],
              ["Correlation id", <CopyId key="corr" id={call.correlation_id} />],
              ["Trace id", call.trace_id ? <CopyId key="trace" id={call.trace_id} /> : "none"],
            ]}
          />
        </Card>
      </div>
    </>
  );
}

export function CallPage() {
  const { id = "" } = useParams();
  const query = useQuery(callDetail(id));
  const call = query.data;
  return (
    <>
      <PageHead
        title={<CopyId id={id} short />}
        tab={id}
        back={{ to: "/calls", name: "Calls" }}
        marks={
          call && (
            <>
              <VerdictPill call={call} />
              {call.streamed && <Pill>streamed</Pill>}
              {call.cached && <Pill>from the cache</Pill>}
            </>
          )
        }
        actions={call && <CopyButton variant="outlined" name="Copy as curl" text={curlFor(call)} />}
      />
      <Loaded query={query} what="This call" skeleton={<Lines count={8} height={36} />}>
        {(found) => <Found call={found} />}
      </Loaded>
    </>
  );
}
