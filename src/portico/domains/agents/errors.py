from portico.kernel.errors import NotFound, Refusal


class AgentNotFound(NotFound):
    code = "AGENT_NOT_REGISTERED"

    def __init__(self, name: str) -> None:
        Refusal.__init__(self, f"Agent not registered: there is no agent {name!r} here.")


class CardUnread(Refusal):
    code = "AGENT_CARD_MISSING"

    def __init__(self, name: str) -> None:
        super().__init__(f"The card of the agent {name!r} was not read yet.")


class CardNotFound(Refusal):
    """Nobody answered with a card at any of the places where one may be."""

    code = "UPSTREAM_BROKEN"

    def __init__(self, tried: str, why: str) -> None:
        self.why = why
        super().__init__(
            f"No agent card was found at {tried}: {why}.",
            details="Give the address of the agent, below which /.well-known/agent-card.json is, or that of the card itself.",
        )


class NoAgentFits(Refusal):
    code = "NO_ENDPOINT"

    def __init__(self, capability: str, considered: int) -> None:
        told = f"{considered} have it, and none of them is up" if considered else "none has it"
        super().__init__(
            f"No agent can take a task that needs {capability!r}: {told}.",
            details="portico agents list shows skills and health.",
        )
