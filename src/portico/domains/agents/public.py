"""What other rooms may ask of agents."""

from portico.domains.agents.health import AgentRound, watch_agents
from portico.domains.agents.notes import TaskNotes
from portico.domains.agents.push import purge_pushes
from portico.domains.agents.service import AgentDraft, find_agent, register_agent
from portico.domains.agents.snapshot import AgentAt, snapshot_agents
from portico.domains.agents.tasks import answer_gateway, purge_tasks

__all__ = [
    "AgentAt",
    "AgentDraft",
    "AgentRound",
    "TaskNotes",
    "answer_gateway",
    "find_agent",
    "purge_pushes",
    "purge_tasks",
    "register_agent",
    "snapshot_agents",
    "watch_agents",
]
