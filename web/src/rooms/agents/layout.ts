import type { MeshAgent } from "../../api/types";

export interface Node {
  key: string;
  name: string;
  y: number;
}

export interface Edge {
  key: string;
  from: number;
  to: number;
  agent: string;
  skill: string;
}

export interface Layout {
  agents: (Node & { health: MeshAgent["health"] })[];
  skills: Node[];
  edges: Edge[];
  height: number;
  /** What did not get a place. */
  left: number;
}

const rowHeight = 34;
const most = 16;

/** Agents at the left, skills at the right, a line where one can do the other; the table below holds what finds no place. */
export function layOut(agents: MeshAgent[]): Layout {
  const shown = agents.slice(0, most);
  const all = new Set(agents.flatMap((agent) => agent.skills));
  const skills = [...new Set(shown.flatMap((agent) => agent.skills))].slice(0, most);
  const rows = Math.max(shown.length, skills.length, 1);
  // The shorter side stands in the middle of the longer one.
  const y = (place: number, of: number) => (place + (rows - of) / 2 + 0.5) * rowHeight;
  const skillY = new Map(skills.map((skill, place) => [skill, y(place, skills.length)]));
  const agentNodes = shown.map((agent, place) => ({
    key: agent.id,
    name: agent.name,
    health: agent.health,
    y: y(place, shown.length),
  }));
  const edges = shown.flatMap((agent, place) =>
    agent.skills.flatMap((skill) => {
      const to = skillY.get(skill);
      if (to === undefined) return [];
      return [{ key: `${agent.id} ${skill}`, from: y(place, shown.length), to, agent: agent.name, skill }];
    }),
  );
  return {
    agents: agentNodes,
    skills: skills.map((skill) => ({ key: skill, name: skill, y: skillY.get(skill) ?? 0 })),
    edges,
    height: rows * rowHeight,
    left: agents.length - shown.length + all.size - skills.length,
  };
}

export function shorten(name: string, to = 18): string {
  return name.length > to ? `${name.slice(0, to - 1)}…` : name;
}
