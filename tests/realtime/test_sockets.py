"""Sockets against a real server: isolation, resuming, slow clients, caps, revocation."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from portico.domains.events import public as events
from portico.domains.notices.model import Draft as NoticeDraft
from portico.domains.notices.model import NoticeId, Words
from portico.domains.notices.service import read_all
from portico.domains.notices.store import insert_notice
from portico.domains.routing.model import BreakerReport
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.service.session import sign_out
from portico.kernel.scope import DEVELOPMENT
from portico.platform.deps import Deps
from portico.realtime import pumps
from portico.realtime.admission import SocketTerms
from tests.realtime.served import PASSWORD, Client, key_of, narrow_socket, reader_of, serve
from tests.usage.journals import NOON_US, call

TOLD = events.declare("realtime_test.happened.v1", "A number came up.", about="number", fields={"number": int})


def call_of(org_id: str, **changes: Any) -> Any:
    return call(org_id=org_id, **changes)


async def tell(deps: Deps, org_id: Any, number: int) -> None:
    async with deps.uow() as tx:
        await events.record(tx, tenancy.open_system_scope(org_id), kind=TOLD, payload={"number": number})


@pytest.mark.req("SP16", "C12")
async def test_a_ticket_opens_one_socket_by_subprotocol_or_first_frame(deps: Deps) -> None:
    identity = await reader_of(deps, "otter")
    async with serve(deps) as served:
        ticket = await served.ticket(identity)
        async with served.connect(subprotocols=["portico.v1", f"ticket.{ticket}"]) as client:
            assert client.connection.subprotocol == "portico.v1"
            assert await client.receive() == {
                "type": "hello",
                "org_id": identity.scope.org_id,
                "scope": "ENTERPRISE",
                "heartbeat_s": 25.0,
            }
        async with served.connect(subprotocols=["portico.v1", f"ticket.{ticket}"]) as client:
            assert await client.closed() == 4401
        async with served.connect() as client:
            await client.send(type="auth", ticket=await served.ticket(identity))
            assert (await client.receive())["type"] == "hello"


@pytest.mark.req("HY13", "C12")
@pytest.mark.parametrize(
    "first",
    [{"type": "auth", "ticket": "made-up"}, {"type": "subscribe", "topic": "calls"}, {"nonsense": 1}],
    ids=str,
)
async def test_without_a_good_ticket_nothing_is_served(deps: Deps, first: dict[str, Any]) -> None:
    async with serve(deps) as served, served.connect(additional_headers={"Cookie": "portico_refresh=x"}) as client:
        await client.send(**first)
        assert await client.closed() == 4401


@pytest.mark.req("C12")
async def test_a_page_of_another_origin_is_turned_away(deps: Deps) -> None:
    identity = await reader_of(deps, "otter")
    async with serve(deps) as served:
        for origin, welcome in (
            (f"http://127.0.0.1:{served.port}", True),
            (deps.settings.base_url, True),
            ("https://evil.example", False),
            ("null", False),
            (f"http://127.0.0.1:{served.port}.evil.example", False),
        ):
            async with served.connect(identity, origin=origin) as client:
                if welcome:
                    assert (await client.receive())["type"] == "hello"
                else:
                    assert await client.closed() == 4403


@pytest.mark.req("SS2", "SC8", "HY13")
async def test_two_orgs_never_see_each_others_rows(deps: Deps) -> None:
    otter, heron = await reader_of(deps, "otter"), await reader_of(deps, "heron")
    async with serve(deps) as served, served.greeted(otter) as one, served.greeted(heron) as two:
        old = await served.fold(call_of(otter.scope.org_id))
        seen_one, seen_two = await one.subscribe("calls"), await two.subscribe("calls")
        assert [item["id"] for item in seen_one["items"]] == old
        assert seen_two["items"] == []
        assert (await one.subscribe("events"))["type"] == (await two.subscribe("events"))["type"] == "snapshot"
        mine = await served.fold(call_of(otter.scope.org_id), call_of(otter.scope.org_id, scope=DEVELOPMENT))
        theirs = await served.fold(call_of(heron.scope.org_id))
        assert (await one.rows(1))[1] == mine[:1]
        assert (await two.rows(1))[1] == theirs
        await tell(deps, otter.scope.org_id, 1)
        frame = await one.receive()
        assert (frame["topic"], [item["payload"] for item in frame["items"]]) == ("events", [{"number": 1}])
        assert await one.is_silent()
        assert await two.is_silent()


@pytest.mark.req("SP16", "SS2")
async def test_resuming_loses_and_repeats_nothing(deps: Deps) -> None:
    identity = await reader_of(deps, "otter")
    org_id = identity.scope.org_id
    written: list[str] = []
    seen: list[str] = []
    # Waiting for a number rather than for the writer's end: after the last call nothing more would come to wake the reader.
    rounds, total = 60, 180
    async with serve(deps) as served:

        async def write() -> None:
            for number in range(rounds):
                written.extend(await served.fold(*(call_of(org_id, at_us=NOON_US - number) for _ in range(3))))
                await tell(deps, org_id, number)
                await asyncio.sleep(0.01)

        async with served.greeted(identity) as client:
            cursor = (await client.subscribe("calls"))["cursor"]
        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            while len(seen) < total:
                # Each connection lives for a few frames only, then the next resumes where it ended.
                async with served.greeted(identity) as client:
                    frame = await client.subscribe("calls", cursor)
                    for _ in range(3):
                        assert (frame["type"], frame["topic"]) == ("append", "calls")
                        seen.extend(item["id"] for item in frame["items"])
                        cursor = frame["cursor"]
                        if len(seen) >= total:
                            break
                        frame = await client.receive()
                    else:
                        continue
                    break
    assert seen == written


async def test_a_cursor_from_elsewhere_or_too_old_is_told_to_start_again(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pumps, "MAX_CATCH_UP_ROWS", 5)
    identity = await reader_of(deps, "otter")
    async with serve(deps) as served, served.greeted(identity) as client:
        await served.fold(*(call_of(identity.scope.org_id) for _ in range(8)))
        for topic, since in (("calls", 10**9), ("calls", 1), ("calls", -4), ("events", 10**9)):
            assert await client.subscribe(topic, since) == {"type": "resync", "topic": topic}
        snapshot = await client.subscribe("calls")
        assert (snapshot["type"], len(snapshot["items"])) == ("snapshot", 8)


@pytest.mark.req("SS2")
async def test_a_slow_client_is_told_to_resync_and_holds_up_nobody(deps: Deps) -> None:
    slow_id = await reader_of(deps, "otter")
    quick_id = await key_of(deps, slow_id.scope.org_id, ("calls.read",))
    org_id = slow_id.scope.org_id
    terms = SocketTerms(outbox_frames=4, outbox_bytes=1_200_000)
    long_path = "p" * 100_000
    async with serve(deps, terms) as served, served.greeted(quick_id) as quick:  # noqa: SIM117
        # Opened by hand, to stop reading right after the greeting.
        async with served.connect(slow_id, sock=await narrow_socket(served.port), compression=None) as slow:
            assert (await slow.receive())["type"] == "hello"
            slow.connection.transport.pause_reading()
            await slow.send(type="subscribe", topic="calls")
            assert (await quick.subscribe("calls"))["type"] == "snapshot"
            seen = 0
            seat = next(seat for seat in served.realtime.seats if seat.identity == slow_id)
            async with asyncio.timeout(60):
                while "calls" not in seat.listening:
                    await asyncio.sleep(0.01)
                while "calls" in seat.listening:
                    await served.fold(*(call_of(org_id, path=long_path) for _ in range(5)))
                    seen += len((await quick.rows(5))[1])
                    assert len(seat.outbox) <= terms.outbox_frames + 2
            slow.connection.transport.resume_reading()
            types = []
            while not types or types[-1] != "resync":
                types.append((await slow.receive())["type"])
            assert seen > 0
            snapshot = await slow.subscribe("calls")
            assert snapshot["type"] == "snapshot"
            later = await served.fold(call_of(org_id))
            assert (await slow.rows(1))[1] == later


@pytest.mark.req("SC8", "HY14", "C11")
async def test_places_are_limited_and_given_back_on_every_kind_of_end(deps: Deps) -> None:
    identity = await reader_of(deps, "otter")
    other = await key_of(deps, identity.scope.org_id, ("calls.read",))
    terms = SocketTerms(per_node=4, per_scope=3, per_principal=2)
    async with serve(deps, terms) as served:
        async with served.greeted(identity) as first, served.greeted(identity) as second:
            async with served.connect(identity) as third:
                assert await third.closed() == 4409
            async with served.greeted(other), served.connect(other) as fifth:
                assert await fifth.closed() == 4409
            await first.subscribe("calls")
            # Cut, without a word.
            second.connection.transport.abort()
            await first.send(type="subscribe")
        async with served.connect(identity) as refused:
            await refused.connection.send("x" * 20_000)
            assert await refused.closed() == 1009
        async with asyncio.timeout(10):
            while served.realtime.places.taken() or served.realtime.seats or served.realtime.pumps:
                await asyncio.sleep(0.02)
        async with served.greeted(identity), served.greeted(identity):
            assert served.realtime.places.taken() == 2


@pytest.mark.req("SC8", "SS2")
async def test_a_revoked_sign_in_closes_the_socket(deps: Deps) -> None:
    seeded = await tenancy.seed_owner(deps, "Otter", "otter", "o@otter.example", "Owner", PASSWORD)
    signed_in = await tenancy.sign_in("o@otter.example", PASSWORD, seeded.org_id, None, deps)
    key = await key_of(deps, seeded.org_id, ("calls.read",))
    async with (
        serve(deps, SocketTerms(recheck_least_s=0.01)) as served,
        served.greeted(signed_in.identity) as person,
        served.greeted(key) as program,
    ):
        await person.subscribe("calls")
        await program.subscribe("calls")
        await sign_out(signed_in.identity, None, deps)
        assert await person.closed() == 4401
        later = await served.fold(call_of(seeded.org_id))
        assert (await program.rows(1))[1] == later


async def test_a_sign_in_that_ends_without_a_word_is_noticed_by_timer(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = await reader_of(deps, "otter")

    async def gone(_deps: Deps, _identity: object) -> None:
        return None

    terms = SocketTerms(recheck_s=0.1, recheck_least_s=0.01)
    async with serve(deps, terms) as served, served.greeted(identity) as client:
        monkeypatch.setattr(tenancy, "identify_again", gone)
        assert await client.closed() == 4401


@pytest.mark.req("SS2", "SC8")
async def test_each_topic_needs_its_permission(deps: Deps) -> None:
    identity = await reader_of(deps, "otter", ("events.read",))
    async with serve(deps) as served, served.greeted(identity) as client:
        for topic in ("calls", "stats", "breakers"):
            frame = await client.subscribe(topic)
            assert (frame["type"], frame["code"]) == ("error", "ROLE_REQUIRED")
        assert (await client.subscribe("events"))["type"] == "snapshot"


@pytest.mark.req("C10", "HY14", "SC8")
async def test_too_many_messages_wait_and_abuse_ends(deps: Deps) -> None:
    identity = await reader_of(deps, "otter")
    terms = SocketTerms(messages_per_minute=5, abuse_per_minute=30)
    async with serve(deps, terms) as served, served.greeted(identity) as client:
        for _ in range(10):
            await client.send(type="pong")
        for _ in range(5):
            await client.send(type="unsubscribe", topic="calls")
        frame = await client.subscribe("calls")
        assert (frame["type"], frame["code"]) == ("error", "RATE_LIMITED")
        assert 50_000 < frame["retry_after_ms"] <= 60_000
        for _ in range(30):
            await client.send(type="pong")
        assert await client.closed() == 1008


async def test_nonsense_is_answered_and_survived(deps: Deps) -> None:
    identity = await reader_of(deps, "otter")
    async with serve(deps) as served, served.greeted(identity) as client:
        for text in (
            "{",
            "[]",
            '{"type":"dance"}',
            '{"type":"subscribe","topic":"secrets"}',
            '{"type":"auth","ticket":"x"}',
        ):
            await client.connection.send(text)
            frame = await client.receive()
            assert (frame["type"], frame["code"]) == ("error", "INVALID_INPUT"), text
        assert (await client.subscribe("calls"))["type"] == "snapshot"


@pytest.mark.req("SP16")
async def test_a_client_that_does_not_answer_pings_is_let_go(deps: Deps) -> None:
    identity = await reader_of(deps, "otter")
    terms = SocketTerms(heartbeat_s=0.1, silence_s=0.35)
    async with serve(deps, terms) as served, served.greeted(identity) as silent, served.greeted(identity) as lively:  # noqa: SIM117
        async with asyncio.TaskGroup() as group:
            answering = group.create_task(lively.receive())
            await silent.closed()
            assert len(served.realtime.seats) == 1
            await asyncio.sleep(0.5)
            assert len(served.realtime.seats) == 1
            answering.cancel()


async def test_stats_come_when_they_change(deps: Deps, clock: Any) -> None:
    identity = await reader_of(deps, "otter")
    clock.advance(seconds=12 * 3600 + 5)
    async with serve(deps) as served, served.greeted(identity) as client:
        first = await client.subscribe("stats")
        assert (first["type"], first["topic"], first["value"]["calls_per_second"]) == ("value", "stats", 0.0)
        await served.fold(*(call_of(identity.scope.org_id, cost_microusd=4) for _ in range(20)))
        second = await client.receive()
        assert (second["value"]["calls_per_second"], second["value"]["cost_today_microusd"]) == (2.0, 80)
        assert await client.is_silent(1.5)


async def test_breakers_of_unknown_services_stay_unseen(deps: Deps) -> None:
    identity = await reader_of(deps, "otter")
    async with serve(deps) as served, served.greeted(identity) as client:
        served.feed.reports = [BreakerReport("end_x", "svc_x", identity.scope.org_id, "open", "6 of 10", NOON_US, None)]
        assert await client.subscribe("breakers") == {"type": "value", "topic": "breakers", "value": []}


async def test_a_restart_is_said(deps: Deps) -> None:
    identity = await reader_of(deps, "otter")
    async with serve(deps) as served:
        ticket = await served.ticket(identity)
        url, offered = f"ws://127.0.0.1:{served.port}/ws", ["portico.v1", f"ticket.{ticket}"]
        connection = await connect(url, subprotocols=offered, ping_interval=None)  # type: ignore[arg-type]
        assert json.loads(await connection.recv())["type"] == "hello"
    assert await asyncio.wait_for(connection.wait_closed(), 10) is None
    assert connection.close_code == 1012


@pytest.mark.req("SP16", "SS32")
async def test_the_bell_of_a_person_rings_for_them_alone(deps: Deps) -> None:
    seeded = await tenancy.seed_owner(deps, "Otter", "otter", "o@otter.example", "Owner", PASSWORD)
    signed_in = await tenancy.sign_in("o@otter.example", PASSWORD, seeded.org_id, None, deps)
    key = await key_of(deps, seeded.org_id, ("events.read",))
    system = tenancy.open_system_scope(seeded.org_id)
    draft = NoticeDraft(
        NoticeId("ntc_1"),
        system.scope,
        "warning",
        Words("Budget", "It is nearly spent.", "/budgets"),
        "budget.warned.v1",
        "budget:bud_1",
        "budgets.read",
        None,
        "system",
        deps.clock.now(),
    )
    async with serve(deps) as served, served.greeted(signed_in.identity) as person, served.greeted(key) as program:
        assert (await program.subscribe("notices"))["code"] == "ROLE_REQUIRED"
        first = await person.subscribe("notices")
        assert first == {"type": "value", "topic": "notices", "value": {"unread": 0, "latest": None}}
        async with deps.uow() as tx:
            await insert_notice(tx, system, draft)
            tx.nudge("notices")
        rung = await bell_at(person, 1)
        assert (rung["title"], rung["read"]) == ("Budget", False)
        await read_all(signed_in.identity.scope, deps)
        assert (await bell_at(person, 0))["read"] is True


async def bell_at(person: Client, unread: int) -> dict[str, Any]:
    """The newest notice, once the count is this; the two are read one after the other, and may pass each other for a moment."""
    while True:
        value = (await person.receive())["value"]
        if value["unread"] == unread and value["latest"]["read"] == (unread == 0):
            return dict(value["latest"])
