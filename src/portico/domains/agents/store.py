"""SQL of agents' cards; tasks are in task_store, receivers of push notifications in push_store."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.agents.model import AgentHealth, Card, CardInvalid, StoredCard, read_card
from portico.domains.agents.tables import agent_cards as cards
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx


async def save_card(tx: Tx, scope: OrgScope, stored: StoredCard) -> None:
    """All but its health, which `save_health` keeps."""
    into = sqlite.insert(cards) if tx.engine == "sqlite" else postgresql.insert(cards)
    row = _row(stored)
    kept = {name: value for name, value in row.items() if name != "service_id"}
    fresh = {**row, "org_id": scope.org_id, "health": stored.health, "health_since": stored.health_since}
    query = into.values(fresh).on_conflict_do_update(
        index_elements=["service_id"], set_=kept, where=cards.c.org_id == scope.org_id
    )
    await tx.execute(query)


async def save_health(tx: Tx, scope: OrgScope, service_id: str, health: AgentHealth, since: datetime) -> None:
    mine = (cards.c.org_id == scope.org_id, cards.c.service_id == service_id)
    await tx.execute(update(cards).where(*mine).values(health=health, health_since=since))


async def load_cards(tx: Tx, scope: OrgScope, service_ids: Sequence[str]) -> dict[str, StoredCard]:
    query = select(cards).where(cards.c.org_id == scope.org_id, cards.c.service_id.in_(service_ids))
    return {row.service_id: _stored(row) for row in await tx.execute(query)}


async def every_card(tx: Tx, scope: PlatformScope) -> dict[str, StoredCard]:
    return {row.service_id: _stored(row) for row in await tx.execute(select(cards))}


def _row(stored: StoredCard) -> dict[str, Any]:
    return {
        "service_id": stored.service_id,
        "card_url": stored.card_url,
        "card": stored.text,
        "etag": stored.etag,
        "read_at": stored.read_at,
        "changed_at": stored.changed_at,
        "tried_at": stored.tried_at,
        "problem": stored.problem,
    }


def _stored(row: Row[Any]) -> StoredCard:
    return StoredCard(
        row.service_id,
        row.card_url,
        row.card,
        None if row.card is None else _card(row.card),
        row.etag,
        row.read_at,
        row.changed_at,
        row.tried_at,
        row.problem,
        row.health,
        row.health_since,
    )


@lru_cache(maxsize=512)
def _card(text: str) -> Card | None:
    """None for one that an earlier version took and this one would not."""
    try:
        return read_card(text.encode())
    except CardInvalid:
        return None
