"""Sessions of clients of the older era with the whole toolset: whose each is, what its client said, and what it waits for.

In memory alone, like those of single servers: after a restart no session is known, and clients open new ones.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

MOST_PER_ORG: Final = 10_000
MOST_INFO_BYTES: Final = 4096


class ToolsetSession:
    """`running`: by the client's id of each call under way, what cancels it."""

    __slots__ = ("client_info", "id", "log_level", "principal_id", "running")

    def __init__(self, principal_id: str, client_info: dict[str, Any] | None) -> None:
        self.id, self.principal_id, self.client_info = secrets.token_urlsafe(24), principal_id, client_info
        self.log_level: str | None = None
        self.running: dict[bytes, Callable[[], None]] = {}


class ToolsetSessions:
    """Bounded per org, so that no org can push out another's; the one longest unused goes first."""

    def __init__(self, most_per_org: int = MOST_PER_ORG) -> None:
        self._most = most_per_org
        self._orgs: dict[str, OrderedDict[str, ToolsetSession]] = {}

    def open(self, org_id: str, principal_id: str, client_info: dict[str, Any] | None) -> ToolsetSession:
        session = ToolsetSession(principal_id, client_info)
        known = self._orgs.setdefault(org_id, OrderedDict())
        known[session.id] = session
        if len(known) > self._most:
            known.popitem(last=False)
        return session

    def find(self, org_id: str, principal_id: str, session_id: str) -> ToolsetSession | None:
        """Another principal's session is as unknown as none."""
        known = self._orgs.get(org_id)
        session = None if known is None else known.get(session_id)
        if known is None or session is None or session.principal_id != principal_id:
            return None
        known.move_to_end(session_id)
        return session

    def end(self, org_id: str, session: ToolsetSession) -> None:
        known = self._orgs.get(org_id)
        if known is not None:
            known.pop(session.id, None)
            if not known:
                del self._orgs[org_id]
