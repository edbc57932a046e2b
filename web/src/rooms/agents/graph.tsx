import type { AgentHealth, MeshAgent } from "../../api/types";
import { Card } from "../../parts/page";
import { layOut, shorten } from "./layout";

const width = 400;
const [agentX, skillX] = [160, 240];
const colours: Record<AgentHealth, string> = {
  healthy: "var(--ok)",
  unknown: "var(--dim)",
  unhealthy: "var(--warn)",
  dead: "var(--bad)",
};
// Colour is never the only sign.
const signs: Record<AgentHealth, string> = { healthy: "●", unknown: "○", unhealthy: "▲", dead: "✕" };

/** Who can do what. The table beside it says the same in words, so this is one picture to those who hear the page. */
export function Graph({ agents, chosen }: { agents: MeshAgent[]; chosen: string | undefined }) {
  const { agents: left, skills, edges, height, left: without } = layOut(agents);
  const lit = (skill: string) => chosen === undefined || chosen === skill || !skills.some((it) => it.name === chosen);
  const middle = (agentX + skillX) / 2;
  return (
    <Card title="Who can do what">
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`${left.length} agents and what they can do; the table below holds the same`}
        style={{ display: "block", width: "100%", maxWidth: width, maxHeight: 520, fontSize: 13 }}
      >
        {edges.map((edge) => (
          <path
            key={edge.key}
            d={`M ${agentX} ${edge.from} C ${middle} ${edge.from} ${middle} ${edge.to} ${skillX} ${edge.to}`}
            fill="none"
            stroke={chosen === edge.skill ? "var(--accent)" : "var(--line-strong)"}
            strokeWidth={chosen === edge.skill ? 2 : 1}
          />
        ))}
        {left.map((agent) => (
          <g key={agent.key}>
            <title>{`${agent.name}: ${agent.health}`}</title>
            <text x={agentX - 22} y={agent.y + 4} textAnchor="end" fill="var(--ink)" fontWeight={600}>
              {shorten(agent.name)}
            </text>
            <text x={agentX - 8} y={agent.y + 4} textAnchor="middle" fill={colours[agent.health]}>
              {signs[agent.health]}
            </text>
          </g>
        ))}
        {skills.map((skill) => (
          <g key={skill.key}>
            <title>{skill.name}</title>
            <text
              x={skillX + 8}
              y={skill.y + 4}
              fill={lit(skill.name) ? "var(--ink)" : "var(--dim)"}
              fontFamily="var(--font-mono)"
              fontSize={12}
            >
              {shorten(skill.name, 22)}
            </text>
          </g>
        ))}
      </svg>
      <p className="dim">
        <span aria-hidden="true">● healthy ○ not asked yet ▲ unhealthy ✕ dead</span>
        {without > 0 && ` · ${without} more in the table`}
      </p>
    </Card>
  );
}
