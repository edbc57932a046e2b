"""What a call of A2A and control say to each other, and the failures of agents that have names."""

from typing import Any

from portico.gateway.dialects import a2a
from portico.gateway.tasks import KnownTask
from portico.kernel.errors import Refusal

OWNERS, LIST, PUSH, PUSHES, UNPUSH = "a2a.owners", "a2a.list", "a2a.push", "a2a.pushes", "a2a.unpush"


class AgentNotRegistered(Refusal):
    code = "AGENT_NOT_REGISTERED"

    def __init__(self, name: str) -> None:
        super().__init__(f"Agent not registered: there is no agent {name!r} here.")


class AgentNotResponding(Refusal):
    code = "AGENT_NOT_RESPONDING"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"Agent not responding: {name!r}. {why}")


class CardMissing(Refusal):
    code = "AGENT_CARD_MISSING"

    def __init__(self, name: str) -> None:
        super().__init__(f"The agent {name!r} has no card that was read, so nobody knows how to speak to it.")


def known_task(told: Any) -> KnownTask:
    known = KnownTask(
        told["principal_id"],
        told["principal_name"],
        told["scope"],
        told["endpoint_id"],
        told["call_id"],
        told["context_id"],
    )
    known.state, known.snapshot = told["state"], told["snapshot"] or {}
    return known


def push_config(message: a2a.Ask) -> Any:
    """What a client says of where it wants to be told of a task."""
    if message.operation == a2a.CREATE_PUSH:
        return {name: value for name, value in message.params.items() if name != "tenant"}
    if message.operation in a2a.SENDS:
        configuration = message.params.get("configuration")
        return configuration.get("taskPushNotificationConfig") if isinstance(configuration, dict) else None
    return None


def replace_push(message: a2a.Ask, config: Any) -> None:
    """The agent tells Portico, which tells the client."""
    if message.operation == a2a.CREATE_PUSH:
        message.params = config
    else:
        configuration = {**message.params["configuration"], "taskPushNotificationConfig": config}
        message.params = {**message.params, "configuration": configuration}
