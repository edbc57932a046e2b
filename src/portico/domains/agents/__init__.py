"""Agents: services of kind `agent`, which speak A2A.

Who exists: an agent's card as it was last read, with what is wrong with it; the agent's tasks, each with its owner and the
last state that passed through a gateway; the receivers of push notifications that clients named.

Invariants: a card's addresses never reach a client, and a card never moves calls (and the agent's credential) away from the
address that a person registered; a task belongs to the principal whose message made it, for good; a task's state only ever
grows newer. Health is that of the hub's endpoints; this room adds when an agent counts as dead.
Events: agent.registered, agent.card_changed, agent.healthy, agent.unhealthy, agent.dead.
"""
