"""Verbs on agents: find out what is at an address, register it, read its card anew."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from portico.domains.agents import fetch, store
from portico.domains.agents.errors import AgentNotFound
from portico.domains.agents.model import (
    Card,
    CardInvalid,
    Interface,
    StoredCard,
    home_of,
    interfaces_at,
    origin_of,
    words_of,
)
from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.hub.model import Visibility
from portico.kernel.errors import FieldError, InvalidInput, NotPermitted, Refusal
from portico.kernel.scope import OrgScope, ScopeName
from portico.platform.db import Tx
from portico.platform.deps import Deps
from portico.platform.outbound import Outbound

# Agents take their time, so they are given more of it than plain services.
TIMEOUT_S = 300.0
_FIELDS = {"agent_id": str, "name": str}
REGISTERED = events.declare(
    "agent.registered.v1", "An agent was registered.", about="agent_id", fields={**_FIELDS, "card_url": str}
)
CARD_CHANGED = events.declare(
    "agent.card_changed.v1",
    "An agent's card is another than before.",
    about="agent_id",
    fields={**_FIELDS, "version": str, "version_before": str | None},
)


class Discovered(NamedTuple):
    """What is at an address: `home` is where the agent would be registered, `interfaces` are those that lead there."""

    card_url: str
    card: Card
    text: str
    etag: str | None
    home: str
    interfaces: tuple[Interface, ...]


class Agent(NamedTuple):
    service: hub.Service
    stored: StoredCard | None

    @property
    def card(self) -> Card | None:
        return None if self.stored is None else self.stored.card


@dataclass(frozen=True, slots=True)
class AgentDraft:
    url: str
    name: str | None = None
    description: str | None = None
    visibility: Visibility = "org"
    tags: tuple[str, ...] = ()
    scope: ScopeName | None = None
    credential: hub.Credential | None = None
    timeout_s: float = TIMEOUT_S


async def discover_agent(url: str, deps: Deps, outbound: Outbound | None = None) -> Discovered:
    """raises   CardNotFound · CardInvalid · EgressRefused"""
    if origin_of(url) is None:
        raise InvalidInput("url", "must be a plain http:// or https:// address")
    found = await fetch.find_card(url, outbound or Outbound(deps.settings))
    assert found.card is not None  # noqa: S101
    assert found.text is not None  # noqa: S101
    home = home_of(found.card, url)
    return Discovered(found.url, found.card, found.text, found.etag, home, interfaces_at(found.card, home))


async def register_agent(scope: OrgScope, draft: AgentDraft, deps: Deps, outbound: Outbound | None = None) -> Agent:
    """raises   CardNotFound · CardInvalid · EgressRefused · InvalidFields · Conflict"""
    found = await discover_agent(draft.url, deps, outbound)
    if not found.interfaces:
        raise CardInvalid((FieldError("card.supportedInterfaces", f"names no interface at {found.home}"),))
    card, same_place = found.card, origin_of(found.card_url) == origin_of(found.home)
    service = await hub.create_service(
        scope,
        hub.ServiceDraft(
            name=draft.name or name_for(card),
            kind="agent",
            url=found.home,
            description=(card.description if draft.description is None else draft.description)[:2000],
            tags=draft.tags,
            capabilities=words_of(card),
            visibility=draft.visibility,
            scope=draft.scope,
            timeout_s=draft.timeout_s,
            max_retries=0,
            credential=draft.credential,
            health_path=_path_of(found.card_url) if same_place else None,
        ),
        deps,
    )
    now = deps.clock.now()
    stored = StoredCard(service.id, found.card_url, found.text, card, found.etag, now, now, now, None, "unknown", now)
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        await store.save_card(tx, scope, stored)
        payload = {"agent_id": service.id, "name": service.name, "card_url": found.card_url}
        await events.record(tx, scope, kind=REGISTERED, payload=payload)
        await _audit(tx, scope, "agent.register", service, {"url": found.home, "card_url": found.card_url})
        tx.nudge("snapshot")
    return Agent(service, stored)


async def refresh_agent(scope: OrgScope, name: str, deps: Deps, outbound: Outbound | None = None) -> Agent:
    """Read the card now, on somebody's behalf; why it cannot be read is told and kept."""
    agent = await find_agent(scope, name, deps)
    if not scope.may("agents.manage", agent.service.id):
        raise NotPermitted("agents.manage")
    stored = await read_again(agent.service, agent.stored, deps.clock.now(), outbound or Outbound(deps.settings))
    async with deps.uow() as tx:
        await keep_card(tx, scope, agent.service, agent.stored, stored)
        await _audit(tx, scope, "agent.refresh", agent.service, {"problem": stored.problem})
    return Agent(agent.service, stored)


async def read_again(service: hub.Service, before: StoredCard | None, now: datetime, outbound: Outbound) -> StoredCard:
    """Never raises for what an agent does: a card that cannot be read leaves the one before in force, and a problem."""
    home = endpoint_of(service)
    base = before or StoredCard(service.id, home, None, None, None, None, None, None, None, "unknown", now)
    try:
        if before is None or before.card is None:
            found = await fetch.find_card(base.card_url, outbound)
        else:
            found = await fetch.read_card_at(before.card_url, before.etag, outbound)
    except Refusal as refusal:
        return replace(base, tried_at=now, problem=refusal.message[:1000])
    if found.text is None or found.card is None:
        return replace(base, tried_at=now, read_at=now, problem=_problem(base.card, home))
    changed = now if found.text != base.text else base.changed_at
    return replace(
        base,
        card_url=found.url,
        text=found.text,
        card=found.card,
        etag=found.etag,
        read_at=now,
        changed_at=changed,
        tried_at=now,
        problem=_problem(found.card, home),
    )


def _problem(card: Card | None, home: str) -> str | None:
    if card is None or interfaces_at(card, home):
        return None
    named = ", ".join(sorted({each.url for each in card.interfaces}))[:500]
    return (
        f"The card names no interface at {home}, where this agent is registered, but at {named}. Calls, and the agent's "
        f"credential, do not follow a card to another address: register the agent there if that is right."
    )


async def keep_card(
    tx: Tx, scope: OrgScope, service: hub.Service, before: StoredCard | None, stored: StoredCard
) -> None:
    """In the caller's transaction; told when it is another card."""
    await events.hold_log(tx, scope)
    await store.save_card(tx, scope, stored)
    if stored.text == (None if before is None else before.text) or stored.card is None:
        return
    version_before = before.card.version if before is not None and before.card is not None else None
    payload = {"agent_id": service.id, "name": service.name, "version": stored.card.version}
    await events.record(tx, scope, kind=CARD_CHANGED, payload={**payload, "version_before": version_before})
    tx.nudge("snapshot")


async def find_agent(scope: OrgScope, name: str, deps: Deps) -> Agent:
    """By name, or by its id."""
    try:
        service = await hub.find_service(scope, name, deps)
    except Refusal as refusal:
        by_id = await hub.find_service_by_id(scope, name, deps) if name.startswith("svc_") else None
        if by_id is None:
            if isinstance(refusal, NotPermitted):
                raise
            raise AgentNotFound(name) from refusal
        service = by_id
    if service.kind != "agent":
        raise AgentNotFound(name)
    async with deps.read() as tx:
        found = await store.load_cards(tx, scope, [service.id])
    return Agent(service, found.get(service.id))


async def every_agent(scope: OrgScope, deps: Deps) -> list[Agent]:
    """All that this caller may see, by name; there are at most as many as an org may have services."""
    async with deps.read() as tx:
        services = await hub.services_of_kind(tx, scope, "agent")
        cards = await store.load_cards(tx, scope, [each.id for each in services])
    return [Agent(each, cards.get(each.id)) for each in services if scope.may("services.read", each.id)]


def endpoint_of(service: hub.Service) -> str:
    return service.endpoints[0].url if service.endpoints else ""


def name_for(card: Card) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", card.name.lower()).strip("-")[:63].strip("-")
    return name or "agent"


def notes_on(agent: Agent) -> Sequence[str]:
    return () if agent.card is None else agent.card.notes


def _path_of(url: str) -> str:
    return "/" + url.split("://", 1)[1].partition("/")[2]


async def _audit(tx: Tx, scope: OrgScope, action: str, service: hub.Service, detail: dict[str, object]) -> None:
    target = audit.Target("agent", service.id, service.name)
    await audit.record(tx, scope, action=action, target=target, outcome="ok", severity="INFO", detail=detail)
