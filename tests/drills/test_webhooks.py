"""Webhooks under their worst moments: every event arrives at least once, under one id, in order per subject, and verifies."""

import asyncio
import random
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise

import httpx2
import pytest

from portico.domains.consumers import public as followers
from portico.domains.webhooks import post
from portico.domains.webhooks.consumer import QueueDeliveries
from portico.domains.webhooks.replay import ReplayAsk, replay_events
from portico.jobs.consume import ConsumeEvents
from portico.kernel.clock import ManualClock
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN
from tests.installation import Installation, Owner
from tests.webhooks.orgs import listed, make_webhook, record, send
from tests.webhooks.receivers import (
    Receiver,
    Reply,
    Request,
    ours_accepts,
    receiver,
    standard_accepts,
    standard_signature_is_right,
)

SUBJECTS = 5


def firsts(requests: list[Request]) -> dict[str, list[str]]:
    """For each subject the events in the order in which they first arrived."""
    seen: defaultdict[str, list[str]] = defaultdict(list)
    for request in requests:
        if request.event["id"] not in seen[request.event["subject"]]:
            seen[request.event["subject"]].append(request.event["id"])
    return seen


def id_of_each(requests: list[Request]) -> dict[str, set[str]]:
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for request in requests:
        ids[request.event["id"]].add(request.id)
    return ids


def sent_at(request: Request) -> datetime:
    return datetime.fromtimestamp(int(request.headers["x-webhook-timestamp"]), UTC)


# --- driven by the clock ---------------------------------------------------------------------------------------------


class Log:
    """Records events and has them followed by the driver that production has."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._driver = ConsumeEvents(deps, followers.Following((QueueDeliveries(),)))
        self.recorded: defaultdict[str, list[str]] = defaultdict(list)

    async def follow(self) -> None:
        await self._driver.activate()

    async def happen(self, about: str) -> None:
        async with self._deps.uow() as tx:
            event = await record(tx, about, scope=ADMIN)
        self.recorded[event.subject].append(event.id)
        await self.follow()


@pytest.fixture
async def log(deps: Deps) -> Log:
    made = Log(deps)
    # The consumer begins where the log stands when it is first seen.
    await made.happen("before")
    made.recorded.clear()
    return made


@pytest.mark.drill
@pytest.mark.req("SS26", "C25", "C26")
async def test_after_an_hour_away_a_receiver_gets_everything_in_order(deps: Deps, clock: ManualClock, log: Log) -> None:
    away = Receiver()
    await away.start()
    await away.stop()
    made = await make_webhook(deps, away.url, kinds=("service.*",), ladder_s=(60, 300, 600, 900, 900, 900, 900))
    for minute in range(60):
        if minute % 4 == 0:
            await log.happen(f"svc_{minute % SUBJECTS}")
        await send(deps)
        clock.advance(seconds=60)
    assert await listed(deps, made.id, "delivered") == []
    await away.start()
    try:
        for _ in range(40):
            await send(deps)
            clock.advance(seconds=60)
    finally:
        await away.stop()
    assert firsts(away.taken) == log.recorded
    assert {len(ids) for ids in id_of_each(away.taken).values()} == {1}
    assert all(standard_signature_is_right(made.secret, request) for request in away.taken)


@pytest.mark.drill
@pytest.mark.req("SS26", "C25")
async def test_what_died_while_a_receiver_was_away_is_brought_back_by_a_replay_in_order(
    deps: Deps, clock: ManualClock, log: Log
) -> None:
    away, since = Receiver(), clock.now()
    await away.start()
    await away.stop()
    made = await make_webhook(deps, away.url, kinds=("service.*",))
    for minute in range(60):
        if minute < 20:
            await log.happen(f"svc_{minute % SUBJECTS}")
        await send(deps)
        clock.advance(seconds=61)
    dead = await listed(deps, made.id, "dead")
    assert dead, "the usual ladder ends within a quarter of an hour"
    await away.start()
    try:
        await send(deps)
        await replay_events(ADMIN, made.id, ReplayAsk(since, which="failed"), deps)
        for _ in range(20):
            await send(deps)
            clock.advance(seconds=61)
    finally:
        await away.stop()
    assert {subject: set(ids) for subject, ids in firsts(away.taken).items()} == {
        subject: set(ids) for subject, ids in log.recorded.items()
    }
    assert {len(ids) for ids in id_of_each(away.taken).values()} == {1}
    again = [request for request in away.taken if request.id in {delivery.id for delivery in dead}]
    for subject, ids in firsts(again).items():
        assert ids == [each for each in log.recorded[subject] if each in ids]


@pytest.mark.drill
@pytest.mark.req("SS26")
async def test_a_receiver_that_takes_too_long_gets_the_same_again_under_the_same_id(
    deps: Deps, clock: ManualClock, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "TIMEOUT_S", 0.3)
    async with receiver() as slow:
        made = await make_webhook(deps, slow.url, kinds=("service.*",))
        slow.hold()
        for number in range(3):
            await log.happen(f"svc_{number % 2}")
        await send(deps)
        waiting = await listed(deps, made.id, "pending")
        assert {str(each.last_error)[:5] for each in waiting if each.attempts} == {"E9706"}
        slow.opened.set()
        clock.advance(seconds=2)
        await send(deps)
    assert firsts(slow.taken) == log.recorded
    assert {len(ids) for ids in id_of_each(slow.requests).values()} == {1}
    assert len(slow.requests) > 3, "the late ones arrived twice"


@pytest.mark.drill
@pytest.mark.req("SS26", "C25", "C26")
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_a_receiver_does_nothing_is_lost_or_overtaken(
    deps: Deps, clock: ManualClock, log: Log, seed: int
) -> None:
    chance = random.Random(seed)

    def answer(_request: Request) -> Reply:
        return chance.choice([Reply(), Reply(), Reply(500), Reply(429, {"Retry-After": "2"}), Reply(302)])

    async with receiver(answer) as moody:
        made = await make_webhook(deps, moody.url, kinds=("service.*",), ladder_s=(1,) * 10)
        for _ in range(40):
            await log.happen(f"svc_{chance.randrange(SUBJECTS)}")
            await send(deps)
            clock.advance(seconds=chance.choice([0, 0, 1, 5]))
        moody.answer = lambda _request: Reply()
        for _ in range(60):
            clock.advance(seconds=30)
            await send(deps)
            if not await listed(deps, made.id, "pending"):
                break
    dead = {delivery.event_id for delivery in await listed(deps, made.id, "dead")}
    expected = {subject: [each for each in ids if each not in dead] for subject, ids in log.recorded.items()}
    assert firsts(moody.taken) == {subject: ids for subject, ids in expected.items() if ids}
    assert {len(ids) for ids in id_of_each(moody.requests).values()} == {1}
    assert all(standard_signature_is_right(made.secret, request) for request in moody.requests)
    assert all(ours_accepts(made.secret, request, sent_at(request)) for request in moody.requests)


# --- a whole installation --------------------------------------------------------------------------------------------


def make_services(owner: Owner, first: int, number: int) -> None:
    for place in range(first, first + number):
        owner.make("/services", name=f"drill-{place}", kind="http", url="http://127.0.0.1:9")
        # A second event about the same subject, so that there is an order to keep.
        answer = owner.client.patch(f"/services/drill-{place}", json={"description": "changed"})
        assert answer.is_success, answer.text


@pytest.mark.drill
@pytest.mark.req("SS26", "SC9")
async def test_killed_between_commit_and_delivery_every_event_still_arrives(
    either_installation: Installation,
) -> None:
    installation = either_installation
    async with receiver() as endpoint:
        secret = await asyncio.to_thread(prepare, installation, endpoint)
        # Some are on their way and will not be answered, the others wait behind them; then everything dies at once.
        async with asyncio.timeout(20):
            while not endpoint.requests:
                await asyncio.sleep(0.02)
        await asyncio.to_thread(installation.kill_everything)
        endpoint.opened.set()
        cut_off = {request.id for request in endpoint.requests}
        endpoint.taken.clear()
        await asyncio.to_thread(installation.start)
        recorded = await asyncio.to_thread(service_events, installation)
        async with asyncio.timeout(60):
            while len(id_of_each(endpoint.taken)) < sum(len(ids) for ids in recorded.values()):
                await asyncio.sleep(0.05)
        told = (await asyncio.to_thread(httpx2.get, f"{installation.url}/metrics")).text
        assert await asyncio.to_thread(installation.stop) == 0
    assert 'portico_webhook_attempts_total{outcome="accepted"}' in told
    assert firsts(endpoint.taken) == recorded
    assert {len(ids) for ids in id_of_each(endpoint.requests).values()} == {1}
    assert cut_off <= {request.id for request in endpoint.taken}, "what was cut off is sent again under its id"
    assert all(standard_accepts(secret, request) for request in endpoint.taken)


def prepare(installation: Installation, endpoint: Receiver) -> str:
    with installation.signed_in() as owner:
        made = owner.make("/webhooks", name="drill", url=endpoint.url, kinds=["service.created", "service.updated"])
        endpoint.hold()
        make_services(owner, 0, 6)
        return str(made["secret"])


def service_events(installation: Installation) -> dict[str, list[str]]:
    """Subject -> ids of its events in the order of the log, as far as they are about services of the drill."""
    with installation.signed_in() as owner:
        found: defaultdict[str, list[str]] = defaultdict(list)
        page = owner.get("/events", kind="service.*", page_size=100)["items"]
        for event in sorted(page, key=lambda event: int(event["seq"])):
            name = event["kind"].rpartition(".v")[0]
            if name in {"service.created", "service.updated"}:
                found[event["subject"]].append(event["id"])
        assert all(one["seq"] != other["seq"] for one, other in pairwise(page))
        return dict(found)
