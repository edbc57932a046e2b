"""Socket tickets: a browser cannot send a header with a WebSocket, so it trades its token for one word good for a minute."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from portico.domains.tenancy.model import TICKET_LIFE, Identity
from portico.domains.tenancy.service.authenticate import find_again
from portico.domains.tenancy.service.authority import PLATFORM
from portico.domains.tenancy.store import tickets as store
from portico.kernel.errors import Refusal
from portico.platform.crypto import digest_secret
from portico.platform.deps import Deps

_MAX_TICKET_CHARS = 128


@dataclass(frozen=True, slots=True)
class Ticket:
    word: str
    expires_at: datetime


async def issue_ticket(identity: Identity, deps: Deps) -> Ticket:
    """In the database, so that any control process can redeem it; what ran out is removed on the way."""
    word, now = secrets.token_urlsafe(32), deps.clock.now()
    async with deps.uow() as tx:
        await store.purge_tickets(tx, PLATFORM, now)
        await store.insert_ticket(tx, PLATFORM, digest_secret(word), identity, now + TICKET_LIFE)
    return Ticket(word, now + TICKET_LIFE)


async def redeem_ticket(deps: Deps, ticket: str) -> Identity | None:
    """The bearer as they stand now; None when the ticket is unknown, used, too old, or its sign-in or key has ended."""
    if len(ticket) > _MAX_TICKET_CHARS:
        return None
    now = deps.clock.now()
    async with deps.uow() as tx:
        bearer = await store.take_ticket(tx, PLATFORM, digest_secret(ticket))
        if bearer is None or bearer.expires_at <= now:
            return None
        try:
            return await find_again(tx, bearer, now)
        except Refusal:
            return None
