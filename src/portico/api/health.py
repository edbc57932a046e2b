"""GET /health, /health/live, /health/ready."""

import asyncio
import time

from fastapi import APIRouter, Request

from portico.api.gateways import reports_of
from portico.kernel.clock import rfc3339
from portico.kernel.errors import Refusal
from portico.platform.db import Database
from portico.platform.web import DepsDep

router = APIRouter(include_in_schema=False)

_ASK_AGAIN_S = 1.0
_LONGEST_PING_S = 2.0


class NotReady(Refusal):
    code = "NOT_READY"


class DatabaseHealth:
    """Asks the database at most once a second, however many ask for readiness."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asking = asyncio.Lock()
        self._asked_at: float | None = None
        self._trouble: str | None = None

    async def trouble(self) -> str | None:
        """Why the database cannot be used; None when it answers."""
        if self._is_recent():
            return self._trouble
        async with self._asking:
            if not self._is_recent():
                self._trouble = await self._ping()
                self._asked_at = time.monotonic()
        return self._trouble

    def _is_recent(self) -> bool:
        return self._asked_at is not None and time.monotonic() - self._asked_at < _ASK_AGAIN_S

    async def _ping(self) -> str | None:
        try:
            await asyncio.wait_for(self._database.ping(), _LONGEST_PING_S)
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is "not ready"
            return f"the database does not answer ({type(error).__name__})"
        return None


@router.api_route("/health", methods=["GET", "HEAD"])
@router.api_route("/health/live", methods=["GET", "HEAD"])
async def live(deps: DepsDep) -> dict[str, str]:
    """The process runs and answers."""
    return {"status": "healthy", "timestamp": rfc3339(deps.clock.now())}


@router.api_route("/health/ready", methods=["GET", "HEAD"])
async def ready(request: Request, deps: DepsDep) -> dict[str, str]:
    """The process can do its work: the database answers and a gateway is connected."""
    troubles = await troubles_of(request)
    if troubles:
        raise NotReady(f"Not ready: {'; '.join(troubles)}.")
    return {"status": "healthy", "timestamp": rfc3339(deps.clock.now())}


async def troubles_of(request: Request) -> list[str]:
    health: DatabaseHealth = request.app.state.database_health
    database = await health.trouble()
    troubles = [] if database is None else [database]
    reports = reports_of(request)
    if reports is not None:
        if not any(fresh for _, fresh in reports):
            troubles.append("no gateway is connected")
        troubles += [
            f"the gateway {each.gateway_id} cannot write its journal" for each, _ in reports if not each.journal_ok
        ]
    return troubles
