"""Other systems tell the log what happened, through the door, as a client meets it."""

import asyncio
from typing import Any

import httpx2
import pytest
from argon2 import PasswordHasher

from portico.domains.publishing import service
from portico.domains.publishing.public import purge_published
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.service import passwords as password_work
from portico.kernel.clock import ManualClock
from portico.platform.deps import Deps

SHIPPED: dict[str, Any] = {
    "specversion": "1.0",
    "id": "o-1-shipped",
    "source": "https://shop.example/orders",
    "type": "order.shipped",
    "time": "2026-01-01T10:00:00Z",
    "subject": "o-1",
    "data": {"parcels": 2},
}
SCHEMA = {"type": "object", "properties": {"parcels": {"type": "integer", "minimum": 1}}, "required": ["parcels"]}


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm at the least cost: the owners of these tests never sign in."""
    monkeypatch.setattr(password_work.passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


async def key_of(deps: Deps, org: str, *permissions: str, scope: str = "ENTERPRISE") -> dict[str, str]:
    seeded = await tenancy.seed_owner(deps, org.title(), org, f"o@{org}.example", "Owner", "a long enough password")
    inside = tenancy.open_system_scope(seeded.org_id, scope)
    _, secret = await tenancy.create_key(inside, tenancy.KeyDraft(f"{org}-{scope}", permissions), deps)
    return {"authorization": f"Bearer {secret}"}


@pytest.fixture
async def shop(client: httpx2.AsyncClient, deps: Deps) -> httpx2.AsyncClient:
    client.base_url = "http://portico.test/api/v1"
    client.headers.update(await key_of(deps, "shop", "events.read", "events.publish", "events.manage"))
    return client


async def publish(client: httpx2.AsyncClient, **changes: Any) -> httpx2.Response:
    return await client.post("/events", json=SHIPPED | changes)


@pytest.mark.req("SP17", "R-DATA-008", "R-DATA-009")
async def test_a_published_event_is_in_the_log_as_it_was_sent(shop: httpx2.AsyncClient) -> None:
    answer = await publish(shop)
    assert answer.status_code == 201, answer.text
    event = answer.json()["event"]
    assert (event["kind"], event["category"], event["subject"]) == ("order.shipped.v1", "integration", "order:o-1")
    assert event["payload"] == {"parcels": 2}
    assert event["origin"] == {
        "source": "https://shop.example/orders",
        "id": "o-1-shipped",
        "time": "2026-01-01T10:00:00.000Z",
        "extensions": {},
    }
    assert (await shop.get(f"/events/{event['id']}")).json() == event
    listed = (await shop.get("/events", params={"category": "integration", "kind": "order.*"})).json()["items"]
    assert listed == [event]


@pytest.mark.req("SP17", "R-DATA-008")
async def test_what_a_sender_adds_to_the_envelope_stays_with_the_event(shop: httpx2.AsyncClient) -> None:
    added = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "sequence": -7, "sampled": True}
    answer = await publish(shop, **added, unset=None)
    assert answer.status_code == 201, answer.text
    event = answer.json()["event"]
    assert event["origin"]["extensions"] == added
    assert event["payload"] == {"parcels": 2}
    assert (await shop.get(f"/events/{event['id']}")).json() == event
    # Another trace does not make it another event.
    again = await publish(shop, traceparent="00-another")
    assert (again.status_code, again.json()["event"]) == (200, event)
    # As many as there may be.
    assert (await publish(shop, id="o-2", **{f"more{number}": number for number in range(20)})).status_code == 201


async def test_the_content_type_of_the_envelope_is_understood(shop: httpx2.AsyncClient) -> None:
    headers = {"content-type": "application/cloudevents+json; charset=utf-8"}
    body = httpx2.Request("POST", "http://x", json=SHIPPED).content
    assert (await shop.post("/events", content=body, headers=headers)).status_code == 201


@pytest.mark.req("SP17")
async def test_the_same_event_again_gets_the_same_answer_and_is_recorded_once(shop: httpx2.AsyncClient) -> None:
    first = (await publish(shop)).json()
    again = await publish(shop)
    assert (again.status_code, again.json()) == (200, first | {"duplicate": True})
    assert (await publish(shop, data={"parcels": 3})).status_code == 409
    assert (await publish(shop, source="https://shop.example/returns")).status_code == 201
    assert len((await shop.get("/events", params={"kind": "order.*"})).json()["items"]) == 2


async def test_many_at_once_of_the_same_event_record_it_once(shop: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(publish(shop) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["event"]["id"] for answer in answers}) == 1


async def test_another_org_may_use_the_same_source_and_id(shop: httpx2.AsyncClient, deps: Deps) -> None:
    await publish(shop)
    other = await key_of(deps, "other", "events.publish", "events.read")
    answer = await shop.post("/events", json=SHIPPED, headers=other)
    assert (answer.status_code, answer.json()["duplicate"]) == (201, False)
    assert len((await shop.get("/events", params={"kind": "order.*"}, headers=other)).json()["items"]) == 1


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"specversion": "0.3"}, "specversion"),
    ({"time": "0001-01-01T00:00:00+05:00"}, "time"),
    ({"time": "9999-12-31T23:59:59-05:00"}, "time"),
    ({"type": "shipped"}, "type"),
    ({"type": "Order.Shipped"}, "type"),
    ({"type": "service.created"}, "type"),
    ({"type": "user.created"}, "type"),
    ({"type": "session.ended"}, "type"),
    ({"id": ""}, "id"),
    ({"source": "x" * 201}, "source"),
    ({"subject": "x" * 199}, "subject"),
    ({"data": "text"}, "data"),
    ({"time": "yesterday"}, "time"),
    ({"datacontenttype": "text/xml"}, "datacontenttype"),
    ({"data_base64": "aGk="}, "data_base64"),
    ({"traceParent": "00-1"}, "traceParent"),
    ({"": "nameless"}, "is no attribute's name"),
    ({"x" * 41: "long"}, "x" * 40),
    ({"partitionkey": ["a"]}, "partitionkey"),
    ({"partitionkey": {"a": 1}}, "partitionkey"),
    ({"sampledrate": 0.5}, "sampledrate"),
    ({"sequence": 2**31}, "sequence"),
    ({"partitionkey": "x" * 1025}, "partitionkey"),
    ({"partitionkey": "a\u0007b"}, "partitionkey"),
    ({f"more{number}": number for number in range(21)}, "at most 20"),
]


async def test_what_is_no_event_is_refused_with_the_field(shop: httpx2.AsyncClient) -> None:
    for changes, says in REFUSED:
        answer = await publish(shop, **changes)
        assert answer.status_code == 400, answer.text
        assert says in answer.text
    assert (await shop.get("/events", params={"category": "integration"})).json()["items"] == []


async def test_an_event_has_at_most_64_kb(shop: httpx2.AsyncClient) -> None:
    answer = await publish(shop, data={"text": "x" * 64 * 1024})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "E9304")
    assert (await publish(shop, data={"text": "x" * 60 * 1024})).status_code == 201


async def test_publishing_needs_its_permission(shop: httpx2.AsyncClient, deps: Deps) -> None:
    reader = await key_of(deps, "reader", "events.read")
    assert (await shop.post("/events", json=SHIPPED, headers=reader)).status_code == 403
    put = await shop.put("/event-types/order.shipped", json={"schema": SCHEMA}, headers=reader)
    assert put.status_code == 403


@pytest.mark.req("SP17", "R-DATA-009")
async def test_a_registered_schema_holds_for_what_is_published_from_then_on(shop: httpx2.AsyncClient) -> None:
    registered = await shop.put("/event-types/order.shipped", json={"schema": SCHEMA, "summary": "An order left."})
    assert registered.status_code == 200, registered.text
    shown = registered.json()
    assert (shown["kind"], shown["origin"], shown["schema"]) == ("order.shipped.v1", "org", SCHEMA)
    refused = await publish(shop, data={"parcels": 0})
    assert (refused.status_code, refused.json()["error"]["fields"][0]["field"]) == (400, "data.parcels")
    assert (await publish(shop)).status_code == 201
    assert (await publish(shop, id="o-2", type="order.shipped.v2", data={})).status_code == 201
    types = (await shop.get("/event-types")).json()["items"]
    assert types[-1] == shown
    assert {"service.created.v1", "member.joined.v1"} <= {each["kind"] for each in types}
    assert (await shop.delete("/event-types/order.shipped")).status_code == 204
    assert (await shop.delete("/event-types/order.shipped")).status_code == 404
    assert (await publish(shop, id="o-3", data={})).status_code == 201
    trail = [event["kind"] for event in (await shop.get("/events", params={"kind": "event_type.*"})).json()["items"]]
    assert trail == ["event_type.removed.v1", "event_type.registered.v1"]


async def test_nobody_waits_for_the_database_while_data_is_checked_against_a_schema(
    shop: httpx2.AsyncClient, deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, open_connections = service.value_problems, list[int]()

    def watched(*args: Any) -> Any:
        open_connections.append(deps.db.sqlalchemy.pool.checkedout())  # type: ignore[attr-defined]
        return real(*args)

    monkeypatch.setattr(service, "value_problems", watched)
    assert (await shop.put("/event-types/order.shipped", json={"schema": SCHEMA})).status_code == 200
    assert (await publish(shop, data={"parcels": 2})).status_code == 201
    assert open_connections == [0]


async def test_a_schema_that_cannot_be_used_safely_is_refused(shop: httpx2.AsyncClient) -> None:
    schemas: list[dict[str, Any]] = [
        {"type": "nonsense"},
        {"$ref": "https://elsewhere.example/schema"},
        {"properties": {"a": {"pattern": "(a+)+$"}}},
        {"description": "x" * 40_000},
    ]
    for schema in schemas:
        assert (await shop.put("/event-types/order.shipped", json={"schema": schema})).status_code == 400


async def test_nobody_registers_a_type_of_the_house(shop: httpx2.AsyncClient) -> None:
    for name in ("service.created", "user.created", "Shipped", "session.paused"):
        assert (await shop.put(f"/event-types/{name}", json={"schema": {}})).status_code == 400


async def test_ids_are_forgotten_with_their_events(shop: httpx2.AsyncClient, deps: Deps, clock: ManualClock) -> None:
    await publish(shop)
    clock.advance(seconds=86400 * deps.settings.record.keep_events_days)
    assert await purge_published(tenancy.platform_scope(), deps) == 0
    clock.advance(seconds=1)
    assert await purge_published(tenancy.platform_scope(), deps) == 1
