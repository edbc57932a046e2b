"""What the log promises, of a running installation: it is written once, knows its classes and its other names, can be given
again after a kill -9, and what is read from it can be made anew. One installation for all of it."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest

from tests.drills.conftest import QUICK_DRAIN, running
from tests.e2e.endpoint import endpoint
from tests.installation import Installation, Owner
from tests.webhooks.receivers import Receiver

pytestmark = pytest.mark.drill

PARCELS = 40


def fresh(name: str) -> str:
    """One installation serves all tests, and each of them twice if need be."""
    return f"{name}-{uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    yield from running(Installation(tmp_path_factory.mktemp("log") / "data", extra=dict(QUICK_DRAIN)))


@pytest.fixture
def owner(house: Installation) -> Iterator[Owner]:
    with house.signed_in() as signed_in:
        yield signed_in


def publish(owner: Owner, number: int, kind: str = "parcel.packed") -> dict[str, Any]:
    sent = {"specversion": "1.0", "id": f"{kind}-{number}", "source": "/depot", "type": kind}
    answer = owner.make("/events", **sent, subject=f"p{number % 3}", data={"number": number})
    event: dict[str, Any] = answer["event"]
    return event


def database(house: Installation) -> closing[sqlite3.Connection]:
    """As somebody would get at it who has the machine."""
    return closing(sqlite3.connect(house.data_dir / "portico.db", timeout=30, isolation_level=None))


@pytest.mark.req("R-DATA-008", "SP17")
def test_every_change_is_in_the_log_and_nobody_rewrites_it(house: Installation, owner: Owner) -> None:
    made = owner.make("/secrets", name=fresh("logged"), value="a value that stays inside")
    event = owner.get("/events", kind="secret.created")["items"][0]
    assert (event["payload"]["name"], event["actor"]["kind"]) == (made["name"], "person")
    with database(house) as connection:
        for statement in (
            "UPDATE events SET payload = '{}' WHERE id = ?",
            "UPDATE events SET seq = seq + 100000 WHERE id = ?",
            "DELETE FROM events WHERE id = ?",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement, (event["id"],))
    assert owner.get(f"/events/{event['id']}") == event
    for method in ("PUT", "PATCH", "DELETE"):
        assert owner.client.request(method, f"/events/{event['id']}", json={}).status_code == 405


@pytest.mark.req("R-DATA-009", "SP17")
def test_each_class_of_events_has_its_kinds_and_its_events(owner: Owner) -> None:
    classes = {each["category"] for each in owner.get("/event-types")["items"]}
    assert classes == {"system", "application", "integration", "error"}
    owner.make("/scopes", name=fresh("EVENT-LAB").upper())
    owner.make_key("classified")
    publish(owner, 1, "parcel.classified")
    # Nothing listens there.
    service = owner.make("/services", name=fresh("out-of-order"), kind="http", url="http://127.0.0.1:9")["name"]
    for _ in range(5):
        owner.make(f"/services/{service}/check")
    expected = {
        "system": "scope.created.v1",
        "application": "key.created.v1",
        "integration": "parcel.classified.v1",
        "error": "service.health_degraded.v1",
    }
    for category, kind in expected.items():
        found = owner.get("/events", category=category, page_size=100)["items"]
        assert kind in {event["kind"] for event in found}, category
        assert {event["category"] for event in found} == {category}


@pytest.mark.req("C24")
def test_the_names_that_other_systems_use_find_and_send_the_same_events(owner: Owner) -> None:
    with endpoint() as receiver:
        owner.make("/webhooks", name=fresh("by-alias"), url=receiver.url, kinds=["api_key.created"])
        name = fresh("twice-named")
        owner.make_key(name)
        owner.wait_for(
            lambda: name in {request.event["data"]["name"] for request in tuple(receiver.requests)},
            "the event under its other name",
            20,
        )
        assert {request.event["type"] for request in receiver.requests} == {"key.created"}
    for alias, kind in (("api_key.created", "key.created"), ("user.created", "member.joined")):
        by_alias, by_name = (owner.get("/events", kind=one)["items"] for one in (alias, kind))
        assert by_alias == by_name
        assert by_name
    aliases = {each["kind"]: each["aliases"] for each in owner.get("/event-types")["items"]}
    assert "user.created" in aliases["member.joined.v1"]


@pytest.mark.req("R-DATA-010", "SP17")
def test_what_is_read_is_made_from_the_log_and_can_be_made_anew(house: Installation, owner: Owner) -> None:
    published = 5
    for number in range(published):
        publish(owner, number, "parcel.counted")

    def counted() -> int:
        return sum(int(row["count"]) for row in owner.get("/event-counts", kind="parcel.counted")["items"])

    owner.wait_for(lambda: counted() == published, "the events to be counted", 20)
    with database(house) as connection:
        connection.execute("UPDATE event_counts SET happened = happened + 7 WHERE kind LIKE 'parcel.counted%'")
    assert counted() == published + 7
    told = owner.make("/event-replays", projection="event_counts")
    assert (told["dry_run"], told["corrected"]) == (True, 1)
    rebuilt = owner.make("/event-replays", projection="event_counts", dry_run=False)
    assert rebuilt["corrected"] == 1
    assert counted() == published


def arrivals(receiver: Receiver) -> Counter[str]:
    return Counter(request.event["id"] for request in tuple(receiver.requests))


def ids_of_each(receiver: Receiver) -> dict[str, set[str]]:
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for request in receiver.requests:
        ids[request.event["id"]].add(request.id)
    return ids


@pytest.mark.req("R-DATA-008", "HY26", "SS26")
def test_a_replay_that_is_killed_in_the_middle_goes_on_and_may_be_begun_again(house: Installation) -> None:
    with endpoint() as receiver:
        with house.signed_in() as owner:
            owner.make("/webhooks", name=fresh("replayed-to"), url=receiver.url, kinds=["parcel.packed"])
            published = [publish(owner, number) for number in range(PARCELS)]
            ids = {event["id"] for event in published}
            owner.wait_for(lambda: arrivals(receiver).keys() >= ids, "every event once", 30)
            ask = {"consumer": "webhooks", "kinds": ["parcel.packed"], "dry_run": False}
            middle = published[PARCELS // 2]["seq"]
            first = owner.make("/event-replays", **ask, through=middle)
            assert (first["replayed"], first["next_after"]) == (PARCELS // 2 + 1, None)
        house.kill_everything()
        house.start()
        with house.signed_in() as owner:
            owner.make("/event-replays", **ask, after=middle)
            owner.wait_for(lambda: min(arrivals(receiver)[each] for each in ids) >= 2, "every event again", 60)
            # From the beginning, by somebody who does not know how far it was.
            again = owner.make("/event-replays", **ask)
            assert (again["events"], again["next_after"]) == (PARCELS, None)
            owner.wait_for(lambda: min(arrivals(receiver)[each] for each in ids) >= 3, "every event once more", 60)
            standing = {each["name"]: each for each in owner.get("/event-consumers")["items"]}
            assert standing["webhooks"]["dead"] == 0
        assert {len(sent) for event_id, sent in ids_of_each(receiver).items() if event_id in ids} == {1}
    assert house.stop() == 0
