"""Consumers, dead letters, replays and counts through the management door, as a client meets them."""

import httpx2
import pytest

from portico.domains.tenancy import public as tenancy
from portico.jobs.consume import ConsumeEvents
from portico.kernel.clock import ManualClock
from portico.platform.deps import Deps
from tests.consumers.conftest import MADE, Listener, until_dead

ALL = ("events.read", "events.manage")


@pytest.fixture
async def org(client: httpx2.AsyncClient, deps: Deps) -> str:
    """Its key is the client's."""
    seeded = await tenancy.seed_owner(deps, "Acme", "acme", "o@acme.example", "Owner", "a long enough password")
    _, secret = await tenancy.create_key(tenancy.open_system_scope(seeded.org_id), tenancy.KeyDraft("admin", ALL), deps)
    client.base_url = "http://portico.test/api/v1"
    client.headers["authorization"] = f"Bearer {secret}"
    return seeded.org_id


@pytest.fixture
def broken(app: object) -> Listener:
    """A consumer of the running process that takes nothing."""
    listener = Listener("broken", refuses=lambda event: True)
    following = app.state.following  # type: ignore[attr-defined]
    following.consumers = (*following.consumers, listener)
    return listener


async def fetch(client: httpx2.AsyncClient, path: str, **params: str) -> list[dict[str, object]]:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, object]] = answer.json()["items"]
    return items


@pytest.mark.req("HY26", "R-DATA-009")
async def test_a_dead_letter_speaks_the_contract(
    client: httpx2.AsyncClient, org: str, broken: Listener, deps: Deps, make: object, clock: ManualClock
) -> None:
    await make("a", 1, org=org)  # type: ignore[operator]
    await until_dead(deps, clock, broken)
    (letter,) = await fetch(client, "/dead-letters", consumer="broken", kind="thing.*")
    assert letter.keys() == {
        "id", "consumer", "event", "payload", "edited", "error", "attempts", "first_failed_at", "died_at",
    }  # fmt: skip
    one = f"/dead-letters/{letter['id']}"
    assert (await client.get(one)).json() == letter
    edited = (await client.patch(one, json={"payload": {"thing_id": "a", "number": 2}})).json()
    assert edited == letter | {"payload": {"thing_id": "a", "number": 2}, "edited": True}
    assert (await client.patch(one, json={"payload": {"number": "x"}})).status_code == 400
    assert (await client.post(f"{one}/retry")).status_code == 204
    assert (await client.get(one)).status_code == 404
    broken.refuses = lambda event: False
    await until_dead(deps, clock, broken)
    assert broken.numbers == [2]
    assert (await client.post("/dead-letters/retry", json={"consumer": "broken"})).json() == {"retried": 0}
    assert (await client.post("/dead-letters/dlt_0/discard")).status_code == 404


@pytest.mark.req("SP17", "HY26")
async def test_consumers_counts_and_replays_speak_the_contract(
    client: httpx2.AsyncClient, org: str, broken: Listener, app: object, deps: Deps, make: object
) -> None:
    broken.refuses = lambda event: False
    await make("a", 1, 2, org=org)  # type: ignore[operator]
    behind = {each["name"]: each for each in await fetch(client, "/event-consumers")}["broken"]
    assert behind["lag"] > 2  # type: ignore[operator]
    await ConsumeEvents(deps, app.state.following).activate()  # type: ignore[attr-defined]
    stands = {each["name"]: each for each in await fetch(client, "/event-consumers")}["broken"]
    assert stands | {"updated_at": None} == {
        "name": "broken", "projection": False, "lag": 0, "lag_s": 0.0, "waiting": 0, "dead": 0,
        "dead_warning": False, "dropped": 0, "updated_at": None,
    }  # fmt: skip
    assert await fetch(client, "/event-counts", kind="thing.*") == [{"day": "2026-01-01", "kind": MADE, "count": 2}]
    assert await fetch(client, "/event-counts", until="2025-12-31") == []
    told = (await client.post("/event-replays", json={"kinds": ["thing.made"]})).json()
    assert told["hits"][-1] == {"consumer": "broken", "events": 2}
    assert (told["dry_run"], told["replayed"], told["corrected"]) == (True, 0, None)
    done = (await client.post("/event-replays", json={"projection": "event_counts", "dry_run": False})).json()
    assert (done["dry_run"], done["corrected"]) == (False, 0)
    assert (await client.post("/event-replays", json={"dry_run": False})).status_code == 400
    shown = (await client.get("http://portico.test/metrics")).text
    assert 'portico_consumer_lag_events{consumer="broken"} 0.0' in shown
    assert 'portico_consumer_dead_letters{consumer="event_counts"} 0.0' in shown


async def test_who_only_reads_sees_consumers_and_no_dead_letters(
    client: httpx2.AsyncClient, org: str, deps: Deps
) -> None:
    inside = tenancy.open_system_scope(org)  # type: ignore[arg-type]
    _, secret = await tenancy.create_key(inside, tenancy.KeyDraft("reader", ("events.read",)), deps)
    client.headers["authorization"] = f"Bearer {secret}"
    assert (await client.get("/event-consumers")).status_code == 200
    for method, path in (
        ("GET", "/dead-letters"),
        ("POST", "/dead-letters/retry"),
        ("POST", "/event-replays"),
        ("PATCH", "/dead-letters/dlt_0"),
    ):
        answer = await client.request(method, path, json={} if method != "PATCH" else {"payload": {}})
        assert answer.status_code == 403, f"{method} {path}"
