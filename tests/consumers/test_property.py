"""Random failures, crashes in the middle, restarts and two processes at once: still each event once, in order."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import pytest
from sqlalchemy import text

from portico.domains.consumers import letter_store
from portico.domains.consumers import public as consumers
from portico.domains.consumers.public import Failure, Following, Hands
from portico.domains.events.model import Consumer, Event
from portico.jobs.consume import attempt, wants
from portico.kernel.clock import ManualClock
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps
from tests.consumers.conftest import LOST, MADE, Make, inside

ORGS, THINGS, ROUNDS = ("org_a", "org_b"), ("a", "b", "c"), 20


class Crash(Exception):
    """The process dies before the commit."""


@dataclass
class Effects:
    """Writes each event it takes into a table, in the transaction of its cursor."""

    name: str
    only: str
    chance: random.Random
    ill: float
    begins: Literal["oldest"] = "oldest"

    def wants(self, event: Event) -> bool:
        return event.kind.startswith(self.only)

    async def consume(self, tx: Tx, scope: OrgScope, event: Event) -> None:
        row = {"consumer": self.name, "org": event.org_id, "subject": event.subject, "seq": event.seq}
        await tx.execute(
            text("INSERT INTO effects (consumer, org, subject, seq) VALUES (:consumer, :org, :subject, :seq)"), row
        )
        if self.chance.random() < self.ill:
            raise ValueError("not today")


@pytest.fixture
async def effects(deps: Deps) -> AsyncIterator[None]:
    """A table of what consumers did; the database refuses to have it done twice."""
    number = "BIGSERIAL" if deps.db.engine_name == "postgresql" else "INTEGER"
    async with deps.uow() as tx:
        await tx.execute(
            text(
                f"CREATE TABLE effects (id {number} PRIMARY KEY, consumer TEXT, org TEXT, subject TEXT, seq BIGINT, "
                "UNIQUE (consumer, org, seq))"
            )
        )
    yield
    async with deps.uow() as tx:
        await tx.execute(text("DROP TABLE effects"))


def crashing(chance: random.Random, odds: float) -> Hands:
    async def try_it(consumer: Consumer, tx: Tx, scope: OrgScope, event: Event) -> Failure | None:
        error = await attempt(consumer, tx, scope, event)
        if chance.random() < odds:
            raise Crash
        return error

    return Hands(wants, try_it)


async def live(following: Following, hands: Hands, deps: Deps) -> None:
    try:
        await consumers.consume(following, hands, deps)
    except Crash:
        return


@pytest.mark.req("SP17", "HY26")
@pytest.mark.parametrize("seed", range(3))
async def test_each_event_is_consumed_or_dead_once_and_in_order(
    deps: Deps, make: Make, clock: ManualClock, effects: None, seed: int
) -> None:
    chance = random.Random(seed)
    both = (Effects("all", "thing.", chance, 0.5), Effects("losses", "thing.lost", chance, 0.5))
    recorded: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    number = 0
    for _ in range(ROUNDS):
        for _ in range(chance.randrange(4)):
            org, kind, number = chance.choice(ORGS), chance.choice([MADE, LOST]), number + 1
            await make(chance.choice(THINGS), number, org=org, kind=kind)
            recorded[org].append((kind, len(recorded[org]) + 1))
        hands = crashing(chance, 0.05)
        await asyncio.gather(*(live(Following(both), hands, deps) for _ in range(chance.choice([1, 2]))))
        clock.advance(seconds=chance.choice([0, 1, 30, 60, 400]))
    for each in both:
        each.ill = 0
    for _ in range(6):
        await live(Following(both), crashing(chance, 0), deps)
        clock.advance(seconds=1800)
    for consumer in both:
        for org in ORGS:
            wanted = {seq for kind, seq in recorded[org] if kind.startswith(consumer.only)}
            await check(deps, consumer.name, org, wanted)


async def check(deps: Deps, consumer: str, org: str, wanted: set[int]) -> None:
    async with deps.read() as tx:
        query = text("SELECT subject, seq FROM effects WHERE consumer = :consumer AND org = :org ORDER BY id")
        done = [(row.subject, row.seq) for row in await tx.execute(query, {"consumer": consumer, "org": org})]
        letters = await letter_store.oldest_letters(tx, inside(org), consumer, None, 1000)
    dead = {letter.event.seq for letter in letters}
    consumed = [seq for _, seq in done]
    assert len(consumed) == len(set(consumed))
    assert set(consumed).isdisjoint(dead)
    assert set(consumed) | dead == wanted
    for subject in {subject for subject, _ in done}:
        in_order = [seq for each, seq in done if each == subject]
        assert in_order == sorted(in_order)
