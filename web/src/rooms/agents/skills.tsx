import { Link } from "react-router";
import type { AgentSkill } from "../../api/types";
import { skillsIn } from "./card";
import { Tags } from "./words";

/** What an agent can do, each with what one may say to it. */
export function SkillLines({
  skills,
  card,
  linked,
}: {
  skills: AgentSkill[];
  card: Record<string, unknown> | undefined;
  /** Each leads to who else can do it. */
  linked?: boolean;
}) {
  const more = new Map(skillsIn(card ?? {}).map((skill) => [skill.id, skill]));
  if (skills.length === 0) return <p className="dim">Its card names none.</p>;
  return (
    <ul className="attempts stack tight" style={{ listStyle: "none", margin: 0, padding: 0 }}>
      {skills.map((skill) => {
        const examples = more.get(skill.id)?.examples ?? [];
        return (
          <li key={skill.id}>
            <div className="row">
              <strong className="break">{skill.name || skill.id}</strong>
              {linked ? (
                <Link to={`/agents/mesh?capability=${encodeURIComponent(skill.id)}`} className="mono break">
                  {skill.id}
                </Link>
              ) : (
                <span className="mono dim break">{skill.id}</span>
              )}
              {skill.tags.length > 0 && <Tags of={skill.tags} most={6} />}
            </div>
            {skill.description && <p className="break">{skill.description}</p>}
            {examples.map((example) => (
              <p key={example} className="dim break">
                “{example}”
              </p>
            ))}
          </li>
        );
      })}
    </ul>
  );
}
