"""What was refused or failed for somebody we know goes into the audit trail, once a minute for the same thing."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Scope

from portico.domains.audit import public as audit
from portico.domains.audit.model import Severity
from portico.domains.tenancy.model import NO_ORG
from portico.kernel.errors import Refusal
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from portico.platform.telemetry import logger

_log = logger("portico.api")
_ONCE_PER = timedelta(minutes=1)
_MOST_REMEMBERED = 10_000


class RefusalTrail:
    """A client that tries the same forbidden thing a thousand times is one entry, not a thousand."""

    def __init__(self, deps: Callable[[], Deps]) -> None:
        self._deps = deps
        self._noted: OrderedDict[tuple[str, str, str], datetime] = OrderedDict()

    async def note(self, refusal: Refusal, request: Scope) -> None:
        scope: OrgScope | None = request.get("state", {}).get("scope")
        status = refusal.row.status
        if scope is None or (status != 403 and refusal.code != "INTERNAL"):
            return
        path = request["app"].state.paths.of(request.get("route")) or "unmatched"
        what = f"{request['method'][:10]} {path}"
        if self._is_new((scope.actor.id, refusal.code, what)):
            await self._record(scope, refusal, what)

    def _is_new(self, fact: tuple[str, str, str]) -> bool:
        now = self._deps().clock.now()
        before = self._noted.get(fact)
        if before is not None and now - before < _ONCE_PER:
            return False
        self._noted[fact] = now
        self._noted.move_to_end(fact)
        if len(self._noted) > _MOST_REMEMBERED:
            self._noted.popitem(last=False)
        return True

    async def _record(self, scope: OrgScope, refusal: Refusal, what: str) -> None:
        failed = refusal.code == "INTERNAL"
        action = "request.failed" if failed else "access.refused"
        severity: Severity = "ERROR" if failed else "WARN"
        target = audit.Target("route", what[:80], what[:400])
        detail = {"code": refusal.row.e_code, "reason": refusal.message[:500]}
        try:
            async with self._deps().uow() as tx:
                if scope.org_id == NO_ORG:
                    await audit.record_platform(
                        tx,
                        action=action,
                        actor=scope.actor,
                        target=target,
                        outcome="refused",
                        severity=severity,
                        detail=detail,
                    )
                else:
                    await audit.record(
                        tx, scope, action=action, target=target, outcome="refused", severity=severity, detail=detail
                    )
        except (SQLAlchemyError, OSError) as error:
            # The caller still gets the answer; that the trail could not be written is said where it can be.
            _log.error("refusal not audited", action=action, exc_info=error)
