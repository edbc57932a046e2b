"""Makes a notice of an event, in the transaction that moves the log's cursor."""

from dataclasses import dataclass
from typing import Literal

from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.notices import store
from portico.domains.notices.catalogue import RULES, Rule
from portico.domains.notices.model import KEPT, MOST_PER_SCOPE, Draft, notice_id
from portico.domains.tenancy import public as tenancy
from portico.kernel.scope import OrgScope, ScopeName
from portico.platform.db import Tx


@dataclass(frozen=True, slots=True)
class TellPeople:
    """An event consumed again changes nothing: it has its notice, read or not."""

    name: str = "notices"
    begins: Literal["newest", "oldest"] = "newest"

    def wants(self, event: events.Event) -> bool:
        return event.kind in RULES

    async def consume(self, tx: Tx, scope: OrgScope, event: events.Event) -> None:
        if event.at < tx.clock.now() - KEPT:
            # Replayed from a time whose notices are gone already; it would come back as if it were new.
            return
        rule = RULES[event.kind]
        draft = Draft(
            id=notice_id(event.id),
            scope=ScopeName(event.scope),
            severity=rule.severity,
            words=rule.words(event.payload, await _name(tx, scope, rule, event)),
            kind=events.unversioned(event.kind),
            subject=event.subject,
            permission=rule.permission,
            restricted_to=await _restricted_to(tx, scope, rule, event),
            actor_id=event.actor.id,
            at=event.at,
        )
        if await store.insert_notice(tx, scope, draft):
            await store.remove_beyond(tx, scope, MOST_PER_SCOPE)
            tx.nudge("notices")


async def _name(tx: Tx, scope: OrgScope, rule: Rule, event: events.Event) -> str:
    if rule.names is None:
        return ""
    principal_id = str(event.payload[rule.names])
    return (await tenancy.principal_names(tx, scope, [principal_id])).get(principal_id, "")


async def _restricted_to(tx: Tx, scope: OrgScope, rule: Rule, event: events.Event) -> str | None:
    if rule.service is None:
        return None
    service = await hub.load_service(tx, scope, str(event.payload[rule.service]))
    # One that is gone meanwhile may have been hidden; then only who sees everything is told.
    if service is None:
        return ""
    return service.created_by if service.visibility == "restricted" else None
