"""What gateways are told of agents: one query over all orgs."""

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from portico.domains.agents import store
from portico.domains.agents.model import AgentEntry, InterfaceEntry, StoredCard, interfaces_at, offered_card, own_hosts
from portico.kernel.scope import PlatformScope
from portico.platform.db import Tx


class AgentAt(NamedTuple):
    """A service of kind `agent`, and where its endpoints are."""

    service_id: str
    name: str
    urls: tuple[str, ...]


async def snapshot_agents(
    tx: Tx, scope: PlatformScope, placed: Sequence[AgentAt], base_url: str
) -> dict[str, AgentEntry]:
    """By service id, of those whose card was read."""
    if not placed:
        return {}
    cards = await store.every_card(tx, scope)
    entries = ((each.service_id, _entry(each, cards.get(each.service_id), base_url)) for each in placed)
    return {service_id: entry for service_id, entry in entries if entry is not None}


def _entry(placed: AgentAt, stored: StoredCard | None, base_url: str) -> AgentEntry | None:
    if stored is None or stored.card is None:
        return None
    card = stored.card
    hosts = own_hosts(card, placed.urls)
    address = f"{base_url}/a2a/{placed.name}"
    offered = json.dumps(offered_card(card.raw, address, hosts), separators=(",", ":")).encode()
    # Endpoints differ in where they are; below that they are the same agent.
    interfaces = interfaces_at(card, placed.urls[0]) if placed.urls else ()
    return AgentEntry(
        offered,
        hashlib.sha256(offered).hexdigest()[:32],
        tuple(hosts),
        tuple(InterfaceEntry(each.binding, each.version, each.url, each.tenant) for each in interfaces),
        card.streaming,
    )
