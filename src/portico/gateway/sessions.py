"""MCP sessions that were opened through this gateway: whose each is, and which endpoint holds it.

A session's id opens what its maker put there, so it is worth as much as a credential: with another key it is not found.
In memory alone: after a restart no session is known, and clients open new ones, as the protocol has them do on a 404.
"""

from collections import OrderedDict
from typing import NamedTuple

MOST_PER_ORG = 10_000
MOST_ID_BYTES = 512


class Session(NamedTuple):
    principal_id: str
    endpoint_id: str


class SessionBook:
    """Bounded per org, so that no org can push out another's; the one longest unused goes first."""

    def __init__(self, most_per_org: int = MOST_PER_ORG) -> None:
        self._most = most_per_org
        self._orgs: dict[str, OrderedDict[tuple[str, bytes], Session]] = {}

    def opened(self, org_id: str, service_id: str, session_id: bytes, session: Session) -> None:
        if len(session_id) > MOST_ID_BYTES:
            return
        known = self._orgs.setdefault(org_id, OrderedDict())
        known[service_id, session_id] = session
        known.move_to_end((service_id, session_id))
        if len(known) > self._most:
            known.popitem(last=False)

    def endpoint_of(self, org_id: str, service_id: str, session_id: bytes, principal_id: str) -> str | None:
        """Where the session lives; None when there is none of that name for this principal."""
        known = self._orgs.get(org_id)
        session = None if known is None else known.get((service_id, session_id))
        if known is None or session is None or session.principal_id != principal_id:
            return None
        known.move_to_end((service_id, session_id))
        return session.endpoint_id

    def ended(self, org_id: str, service_id: str, session_id: bytes) -> None:
        known = self._orgs.get(org_id)
        if known is not None:
            known.pop((service_id, session_id), None)
            if not known:
                del self._orgs[org_id]
