"""A log to follow and consumers that do what a test tells them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

import pytest
from argon2 import PasswordHasher

from portico.domains.consumers.public import ConsumeStatus, Following
from portico.domains.events import public as events
from portico.domains.events.model import Consumer, Event
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.service import passwords as password_work
from portico.jobs.consume import ConsumeEvents
from portico.kernel.clock import ManualClock
from portico.kernel.ids import OrgId
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

MADE = events.declare("thing.made.v1", "A thing was made.", about="thing_id", fields={"thing_id": str, "number": int})
LOST = events.declare("thing.lost.v1", "A thing was lost.", about="thing_id", fields={"thing_id": str, "number": int})
ORG = OrgId("org_a")


def inside(org: str = ORG, scope: str = "ENTERPRISE") -> OrgScope:
    return tenancy.open_system_scope(OrgId(org), scope)


@dataclass
class Listener:
    """Writes down what it is given, in memory; refuses what `refuses` says."""

    name: str = "listener"
    begins: Literal["newest", "oldest"] = "oldest"
    kind: str = "*"
    seen: list[Event] = field(default_factory=list)
    refuses: Callable[[Event], bool] = lambda event: False

    def wants(self, event: Event) -> bool:
        return event.kind.startswith("thing.") and events.matches(self.kind, event.kind)

    async def consume(self, tx: Tx, scope: OrgScope, event: Event) -> None:
        assert (scope.org_id, scope.scope) == (event.org_id, event.scope)
        if self.refuses(event):
            raise ValueError(f"no {event.payload['thing_id']}")
        self.seen.append(event)

    @property
    def numbers(self) -> list[object]:
        return [event.payload["number"] for event in self.seen]


Make = Callable[..., Awaitable[None]]


@pytest.fixture
def make(deps: Deps) -> Make:
    """`await make("a", 1, 2, org=…)`: the thing a was made, with the number 1, then 2."""

    async def made(thing: str, *numbers: int, org: str = ORG, scope: str = "ENTERPRISE", kind: str = MADE) -> None:
        for number in numbers:
            async with deps.uow() as tx:
                await events.record(tx, inside(org, scope), kind=kind, payload={"thing_id": thing, "number": number})

    return made


async def run(deps: Deps, *following: Consumer) -> ConsumeStatus:
    return await ConsumeEvents(deps, Following(tuple(following))).activate()


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm at the least cost: the owners of these tests never sign in."""
    monkeypatch.setattr(password_work.passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


async def until_dead(deps: Deps, clock: ManualClock, *following: Consumer) -> None:
    """Through all tries of what fails now."""
    for _ in range(4):
        await run(deps, *following)
        clock.advance(seconds=1800)
