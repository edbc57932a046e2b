"""Webhooks through the management door, as a client meets them."""

from collections.abc import AsyncIterator, Sequence

import httpx2
import pytest

from portico.api.app import create_app
from portico.domains.events import public as events
from portico.domains.tenancy import public as tenancy
from portico.domains.webhooks.consumer import QueueDeliveries
from portico.kernel.ids import OrgId
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from tests.webhooks.orgs import happen, send
from tests.webhooks.receivers import Reply, receiver, standard_accepts

ALL = ("webhooks.read", "webhooks.manage")
HOOK = {"name": "orders", "url": "http://127.0.0.1:9/hook", "kinds": ["service.*"]}


@pytest.fixture
async def scope(deps: Deps) -> OrgScope:
    seeded = await tenancy.seed_owner(deps, "Acme", "acme", "o@acme.example", "Owner", "a long enough password")
    return tenancy.open_system_scope(OrgId(seeded.org_id))


def caller(deps: Deps, key: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=create_app(deps)),
        base_url="http://portico/api/v1",
        headers={"authorization": f"Bearer {key}"},
    )


async def make_key(deps: Deps, scope: OrgScope, permissions: Sequence[str]) -> str:
    _, secret = await tenancy.create_key(scope, tenancy.KeyDraft("k", tuple(permissions)), deps)
    return secret


@pytest.fixture
async def client(deps: Deps, scope: OrgScope) -> AsyncIterator[httpx2.AsyncClient]:
    async with caller(deps, await make_key(deps, scope, ALL)) as client:
        yield client


@pytest.mark.req("SS26")
async def test_a_webhook_speaks_the_contract_and_its_secret_is_shown_once(client: httpx2.AsyncClient) -> None:
    made = await client.post("/webhooks", json={**HOOK, "headers": [{"name": "X-Team", "value": "warehouse-team-007"}]})
    assert made.status_code == 201, made.text
    shown, secret = made.json()["webhook"], made.json()["secret"]
    assert secret.startswith("whsec_")
    assert shown["secret_hint"] == secret.rstrip("=")[-4:]
    assert shown["headers"] == [{"name": "X-Team", "hint": "…-007"}]
    assert (shown["status"], shown["kinds"], shown["ladder_s"]) == ("active", ["service.*"], None)
    assert shown["health"] == {
        "delivered_24h": 0,
        "failed_24h": 0,
        "pending": 0,
        "dead": 0,
        "last_success_at": None,
        "last_failure_at": None,
        "last_error": None,
    }
    path = f"/webhooks/{shown['id']}"
    assert (await client.get(path)).json() == shown
    listed = (await client.get("/webhooks")).json()
    assert (listed["items"], listed["pagination"]["total"]) == ([shown], 1)
    changed = (await client.patch(path, json={"description": "For the shop", "ladder_s": [1, 2]})).json()
    assert changed == shown | {
        "description": "For the shop",
        "ladder_s": [1, 2],
        "updated_at": changed["updated_at"],
    }
    for verb, status in (("pause", "paused"), ("resume", "active"), ("resume", "active")):
        assert (await client.post(f"{path}/{verb}")).json()["status"] == status
    assert (await client.post("/webhooks", json=HOOK)).status_code == 409
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.post("/webhooks", json=HOOK)).status_code == 201


@pytest.mark.req("SS26")
async def test_no_later_answer_holds_a_secret_or_a_headers_value(client: httpx2.AsyncClient) -> None:
    headers = [{"name": "Authorization", "value": "Bearer top-secret-value"}]
    made = (await client.post("/webhooks", json={**HOOK, "headers": headers})).json()
    path = f"/webhooks/{made['webhook']['id']}"
    rotated = (await client.post(f"{path}/rotate-secret", json={"overlap_s": 60})).json()
    answers = [
        await client.get(path),
        await client.get("/webhooks"),
        await client.patch(path, json={"name": "n2", "headers": [{"name": "authorization"}]}),
        await client.patch(path, json={"headers": [{"name": "Host", "value": "Bearer top-secret-value"}]}),
        await client.patch(path, json={"headers": [{"name": "A", "value": "Bearer top-secret-value\r\nB: 1"}]}),
        await client.patch(path, json={"headers": [{"name": "A", "value": ["Bearer top-secret-value"]}]}),
        await client.post(f"{path}/test"),
        await client.get(f"{path}/deliveries"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400, 400, 400, 200, 200]
    text = "".join(answer.text for answer in answers)
    for hidden in (made["secret"], rotated["secret"], "top-secret-value"):
        assert hidden not in text


@pytest.mark.req("SS26")
async def test_delivery_log_with_its_attempts_and_filters(
    client: httpx2.AsyncClient, deps: Deps, scope: OrgScope
) -> None:
    replies = [Reply(500, body=b"not yet"), Reply(200, body=b"thanks")]
    async with receiver(lambda _request: replies.pop(0)) as endpoint:
        hook = (await client.post("/webhooks", json={**HOOK, "url": endpoint.url, "ladder_s": [1]})).json()["webhook"]
        await happen(deps, "svc_1", scope=scope)
        await happen(deps, "svc_2", "service.updated.v1", scope=scope)
        await send(deps)
    path = f"/webhooks/{hook['id']}/deliveries"
    delivered = (await client.get(path, params={"state": "delivered"})).json()["items"]
    pending = (await client.get(path, params={"state": "pending"})).json()["items"]
    assert (len(delivered), len(pending)) == (1, 1)
    assert [pending[0][name] for name in ("attempts", "last_status", "edited")] == [1, 500, False]
    by_kind = (await client.get(path, params={"kind": "service.updated.v1"})).json()["items"]
    assert [each["kind"] for each in by_kind] == ["service.updated"]
    assert len((await client.get(path, params={"kind": "service.*"})).json()["items"]) == 2
    assert (await client.get(path, params={"kind": "no such kind"})).status_code == 400
    first = (await client.get(path, params={"page_size": 1})).json()
    second = (await client.get(path, params={"page_size": 1, "cursor": first["pagination"]["cursors"]["next"]})).json()
    assert {each["id"] for each in (*first["items"], *second["items"])} == {delivered[0]["id"], pending[0]["id"]}
    assert (await client.get(path, params={"cursor": "bm9uc2Vuc2U"})).status_code == 400
    detail = (await client.get(f"/webhook-deliveries/{pending[0]['id']}")).json()
    assert [(each["number"], each["status"], each["response"]) for each in detail["attempts"]] == [(1, 500, "not yet")]
    sent = {header["name"]: header["value"] for header in detail["headers"]}
    assert (sent["X-Webhook-Attempt"], sent["X-Webhook-Signature"]) == ("1", "…")
    assert detail["subject"] in detail["body"]
    assert (await client.get(f"/webhooks/{hook['id']}")).json()["health"]["pending"] == 1


@pytest.mark.req("SS26")
async def test_a_test_says_what_was_sent_and_what_came_back(
    client: httpx2.AsyncClient, deps: Deps, scope: OrgScope
) -> None:
    async with receiver(lambda _request: Reply(202, body=b"got it")) as endpoint:
        made = (await client.post("/webhooks", json={**HOOK, "url": endpoint.url})).json()
        path = f"/webhooks/{made['webhook']['id']}"
        sample = (await client.post(f"{path}/test")).json()
        event = await happen(deps, "svc_9", scope=scope)
        await client.post(f"{path}/pause")
        real = (await client.post(f"{path}/test")).json()
    assert (sample["sample"], sample["status"], sample["error"], sample["response"]) == (True, 202, None, "got it")
    assert endpoint.taken[0].event["sample"] is True
    assert endpoint.taken[0].event["type"].startswith("service.")
    assert real["sample"] is False
    assert endpoint.taken[1].event["id"] == event.id
    assert real["request"]["body"] == endpoint.taken[1].body.decode()
    assert all(standard_accepts(made["secret"], request) for request in endpoint.taken)


async def test_an_edited_body_must_be_a_json_object(client: httpx2.AsyncClient, deps: Deps, scope: OrgScope) -> None:
    async with receiver() as endpoint:
        hook = (await client.post("/webhooks", json={**HOOK, "url": endpoint.url})).json()["webhook"]
        await happen(deps, scope=scope)
        await send(deps)
        path = f"/webhooks/{hook['id']}/deliveries"
        (first,) = (await client.get(path)).json()["items"]
        again = f"/webhook-deliveries/{first['id']}/redeliver"
        for body in ("{", "[1]", "7", '{"a":' + '"x"' * 10 + "}"):
            assert (await client.post(again, json={"body": body})).status_code == 400
        edited = (await client.post(again, json={"body": '{"type": "mine",  "n": 1}'})).json()
        assert (edited["edited"], edited["id"] != first["id"], edited["event_id"]) == (True, True, first["event_id"])
        same = (await client.post(again, json={})).json()
        assert (same["id"], same["edited"]) == (first["id"], False)
        assert (await client.post(again, json={})).status_code == 409
        await send(deps)
    assert {request.body for request in endpoint.taken[1:]} == {b'{"type": "mine",  "n": 1}', endpoint.taken[0].body}


@pytest.mark.req("SS26", "SP6")
async def test_who_may_only_read_changes_nothing(client: httpx2.AsyncClient, deps: Deps, scope: OrgScope) -> None:
    hook = (await client.post("/webhooks", json=HOOK)).json()["webhook"]
    path = f"/webhooks/{hook['id']}"
    async with caller(deps, await make_key(deps, scope, ("webhooks.read",))) as reader:
        assert (await reader.get(path)).status_code == 200
        refused = [
            await reader.post("/webhooks", json=HOOK),
            await reader.patch(path, json={"name": "x"}),
            await reader.delete(path),
            *[await reader.post(f"{path}/{verb}", json={}) for verb in ("pause", "resume", "rotate-secret", "test")],
            await reader.post(f"{path}/replay", json={"since": "2026-01-01T00:00:00Z"}),
            await reader.post("/webhook-deliveries/x/redeliver", json={}),
        ]
    assert {answer.status_code for answer in refused} == {403}
    async with caller(deps, await make_key(deps, scope, ("events.read",))) as stranger:
        assert (await stranger.get("/webhooks")).status_code == 403


async def test_every_kind_that_is_recorded_here_is_in_the_catalogue() -> None:
    kinds = {name for name in events.catalogue() if name.startswith("webhook.")}
    assert {name.split(".")[1] for name in kinds} == {
        "created",
        "updated",
        "deleted",
        "paused",
        "resumed",
        "disabled",
        "secret_rotated",
    }


@pytest.mark.req("SS26", "C24")
async def test_deliveries_are_found_by_the_names_that_other_systems_use(
    client: httpx2.AsyncClient, deps: Deps, scope: OrgScope
) -> None:
    made = (await client.post("/webhooks", json={**HOOK, "kinds": ["api_key.created"]})).json()["webhook"]
    following = QueueDeliveries()
    await make_key(deps, scope, ALL)
    async with deps.uow() as tx:
        _, newest = await events.recent_events(tx, scope, 1)
        await following.consume(tx, scope, newest[0])
    path = f"/webhooks/{made['id']}/deliveries"
    for name in ("api_key.created", "key.created", "key.created.v1"):
        found = (await client.get(path, params={"kind": name})).json()["items"]
        assert [each["kind"] for each in found] == ["key.created"], name


@pytest.mark.req("SS26")
@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
async def test_a_replay_from_either_end_of_the_calendar_is_answered(client: httpx2.AsyncClient, since: str) -> None:
    made = (await client.post("/webhooks", json=HOOK)).json()["webhook"]
    answer = await client.post(f"/webhooks/{made['id']}/replay", json={"since": since})
    assert answer.status_code == 200, answer.text
