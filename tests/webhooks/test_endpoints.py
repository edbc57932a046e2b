"""What an endpoint may be, what it gets, and what is on record of its changes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.webhooks import service
from portico.domains.webhooks.errors import NameTaken, TooManyWebhooks
from portico.domains.webhooks.model import (
    MAX_SILENCES,
    MAX_WEBHOOKS,
    HeaderDraft,
    WebhookDraft,
    retry_after_s,
    retry_delay_s,
)
from portico.domains.webhooks.sealing import open_headers, valid_secrets
from portico.domains.webhooks.service import CREATED as MADE
from portico.domains.webhooks.tables import webhooks
from portico.kernel.clock import ManualClock
from portico.kernel.errors import InvalidFields, Refusal
from portico.kernel.ids import WebhookId
from portico.kernel.paging import PageAsk, decode_cursor
from portico.platform.deps import Deps
from portico.platform.envelope import envelope
from tests.hub.orgs import ADMIN, IN_DEVELOPMENT
from tests.webhooks.orgs import CREATED, STORED, UPDATED, consume, happen, listed, make_webhook, record, send
from tests.webhooks.receivers import ours_accepts, receiver, standard_accepts

URL = "http://127.0.0.1:9/hook"
GOOD = WebhookDraft("orders", URL)


@pytest.mark.req("C27")
@pytest.mark.parametrize(
    ("url", "e_code"),
    [
        ("http://hooks.example/in", "E9705"),
        ("https://10.0.0.1/in", "E9704"),
        ("https://127.0.0.1/in", "E9704"),
        ("https://[::1]/in", "E9704"),
        ("https://[::ffff:10.0.0.1]/in", "E9704"),
        ("https://169.254.169.254/latest", "E9704"),
        ("https://metadata.google.internal/", "E9704"),
        ("ftp://hooks.example/in", "E9701"),
        ("https:///in", "E9701"),
        ("hooks.example/in", "E9701"),
        ("https://user:pass@hooks.example/in", "E9701"),
        ("https://hooks.example/in#part", "E9701"),
        ("https://hooks.example/in#", "E9701"),
        ("https://hooks..example/in", "E9701"),
        ("https://-hooks.example/in", "E9701"),
        ("https://h%6Foks.example/in", "E9701"),
        ("https://hooks.example\\@10.0.0.1/in", "E9701"),
        ("https://hooks.example\\in", "E9701"),
        ("https://hoöks.example/in", "E9701"),
        (f"https://{'h' * 64}.example/in", "E9701"),
        ("https://hooks.example:0/in", "E9701"),
        ("https://./in", "E9701"),
        ("https://hooks.example/in put", "E9701"),
        ("https://hooks.example:99999/in", "E9701"),
        ("https://[::1/in", "E9701"),
        ("https://hooks.example/" + "x" * 2000, "E9701"),
    ],
)
async def test_production_refuses_an_address_that_is_not_a_public_https_one(deps: Deps, url: str, e_code: str) -> None:
    production = replace(deps, settings=replace(deps.settings, environment="production"))
    with pytest.raises(Refusal) as refused:
        await service.create_webhook(ADMIN, replace(GOOD, url=url), production)
    assert refused.value.row.e_code == e_code
    assert "pass" not in refused.value.message


@pytest.mark.req("C27")
@pytest.mark.parametrize("host", ["169.254.169.254", "metadata.google.internal", "[fd00:ec2::254]"])
async def test_nobody_is_told_that_a_metadata_address_could_be_opened(deps: Deps, host: str) -> None:
    for url, opened in ((f"https://{host}/in", False), ("https://10.0.0.1/in", True)):
        with pytest.raises(Refusal) as refused:
            await service.create_webhook(ADMIN, replace(GOOD, url=url), deps)
        told = envelope(refused.value, correlation_id="", trace_id="", path="/webhooks", at=deps.clock.now())
        assert (b"have the operator allow" in told) == opened


@pytest.mark.req("C27")
@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/in?token=1&again=%20",
        "https://HOOKS.example.:8443/in",
        "https://xn--hoks-5qa.example/",
        "https://93.184.215.14/in",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:443/in",
        "https://in_side.example",
    ],
)
async def test_production_takes_any_public_https_address(deps: Deps, url: str) -> None:
    production = replace(deps, settings=replace(deps.settings, environment="production"))
    made = await service.create_webhook(ADMIN, replace(GOOD, url=url), production)
    assert made.seen.webhook.url == url


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "x" * 81}),
        ("kinds", {"kinds": ()}),
        ("kinds", {"kinds": ("service.created",) * 51}),
        ("kinds[1]", {"kinds": ("*", "Service.Created")}),
        ("services", {"services": ("svc_1",) * 51}),
        ("services[0]", {"services": ("a b",)}),
        ("templates[0]", {"templates": ("",)}),
        ("ladder_s", {"ladder_s": ()}),
        ("ladder_s", {"ladder_s": (1,) * 11}),
        ("ladder_s", {"ladder_s": (0,)}),
        ("ladder_s", {"ladder_s": (86_401,)}),
        ("headers", {"headers": tuple(HeaderDraft(f"X-{n}", "v") for n in range(51))}),
        ("headers", {"headers": (HeaderDraft("X-A", "1"), HeaderDraft("x-a", "2"))}),
        ("headers", {"headers": tuple(HeaderDraft(f"X-{n}", "v" * 4_000) for n in range(5))}),
        ("headers[0].name", {"headers": (HeaderDraft("X A", "1"),)}),
        ("headers[0].value", {"headers": (HeaderDraft("X-A", "a\r\nB: 1"),)}),
        ("headers[0].value", {"headers": (HeaderDraft("X-A", "ü"),)}),
        ("headers[0].value", {"headers": (HeaderDraft("X-A"),)}),
    ],
)
async def test_what_is_out_of_bounds_is_refused_by_its_name(deps: Deps, field: str, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidFields) as refused:
        await service.create_webhook(ADMIN, replace(GOOD, **change), deps)
    assert [problem.field for problem in refused.value.fields] == [field]


@pytest.mark.req("SS26")
@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "Keep-Alive",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Upgrade",
        "Proxy-Authorization",
        "Host",
        "Content-Length",
        "Content-Type",
        "X-Webhook-Signature",
        "webhook-signature",
        "Webhook-Id",
    ],
)
async def test_a_header_of_the_connection_or_of_the_signature_cannot_be_set(deps: Deps, name: str) -> None:
    with pytest.raises(InvalidFields, match="set by Portico"):
        await service.create_webhook(ADMIN, replace(GOOD, headers=(HeaderDraft(name, "v"),)), deps)


@pytest.mark.req("SS26")
async def test_secrets_and_header_values_are_stored_sealed_and_open_only_in_their_place(deps: Deps) -> None:
    headers = (HeaderDraft("X-Key", "a-key-of-the-receiver"),)
    made = await service.create_webhook(ADMIN, replace(GOOD, headers=headers), deps)
    async with deps.read() as tx:
        row = (await tx.execute(webhooks.select())).one()
    for hidden in (made.secret, "a-key-of-the-receiver"):
        assert hidden not in repr(row)
        assert hidden.encode() not in row.secret_sealed + row.headers_sealed
        assert hidden not in repr(made)
    webhook = made.seen.webhook
    assert valid_secrets(deps.sealer, webhook, deps.clock.now()) == [made.secret]
    assert open_headers(deps.sealer, webhook) == [("X-Key", "a-key-of-the-receiver")]


async def test_custom_headers_are_sent_and_keep_their_value_through_an_edit(deps: Deps) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(
            deps, endpoint.url, headers=(HeaderDraft("X-Key", "one"), HeaderDraft("X-Old", "two"))
        )
        kept = (HeaderDraft("x-key"), HeaderDraft("X-New", "three"))
        await service.update_webhook(ADMIN, made.id, {"headers": kept}, deps)
        await happen(deps)
        await send(deps)
    (request,) = endpoint.taken
    assert (request.headers["x-key"], request.headers["x-new"]) == ("one", "three")
    assert "x-old" not in request.headers


@pytest.mark.req("SS26", "C26")
async def test_both_secrets_sign_until_the_rotation_is_over(deps: Deps, clock: ManualClock) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        rotated = await service.rotate_secret(ADMIN, made.id, timedelta(seconds=60), deps)
        await happen(deps, "svc_1")
        await send(deps)
        clock.advance(seconds=60)
        await happen(deps, "svc_2")
        await send(deps)
    during, after = endpoint.taken
    for secret in (made.secret, rotated.secret):
        assert standard_accepts(secret, during)
        assert ours_accepts(secret, during, clock.now() - timedelta(seconds=60))
    assert standard_accepts(rotated.secret, after)
    assert not standard_accepts(made.secret, after)
    assert not ours_accepts(made.secret, after, clock.now())


async def test_a_rotation_without_overlap_ends_the_old_secret_at_once(deps: Deps) -> None:
    made = await service.create_webhook(ADMIN, GOOD, deps)
    rotated = await service.rotate_secret(ADMIN, made.seen.webhook.id, timedelta(0), deps)
    assert rotated.seen.webhook.previous_secret_until is None
    assert valid_secrets(deps.sealer, rotated.seen.webhook, deps.clock.now()) == [rotated.secret]


@pytest.mark.req("SS26")
@pytest.mark.parametrize(
    ("draft", "expected"),
    [
        ({}, ["service:svc_1", "service:svc_2", "secret:sec_1"]),
        ({"kinds": ("service.*",)}, ["service:svc_1", "service:svc_2"]),
        ({"kinds": ("service.updated",)}, ["service:svc_2"]),
        ({"kinds": ("service.registered", "secret.created.v1")}, ["service:svc_1", "secret:sec_1"]),
        ({"kinds": ("secret.created.v2",)}, []),
        ({"services": ("svc_2",)}, ["service:svc_2"]),
        ({"services": ("svc_1", "svc_2"), "kinds": ("service.created",)}, ["service:svc_1"]),
        ({"templates": ("tpl_1",)}, []),
    ],
)
async def test_an_endpoint_gets_what_its_filter_lets_through(
    deps: Deps, draft: dict[str, Any], expected: list[str]
) -> None:
    made = await make_webhook(deps, URL, **draft)
    await happen(deps, "svc_1", CREATED)
    await happen(deps, "svc_2", UPDATED)
    await happen(deps, "sec_1", STORED)
    assert [each.subject for each in await listed(deps, made.id)] == expected


@pytest.mark.req("SS26")
async def test_while_it_is_paused_nothing_is_sent_and_nothing_is_queued(deps: Deps, clock: ManualClock) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps, "svc_1")
        await service.pause_webhook(ADMIN, made.id, deps)
        await happen(deps, "svc_2")
        clock.advance(seconds=3600)
        await send(deps)
        assert endpoint.requests == []
        await service.resume_webhook(ADMIN, made.id, deps)
        await send(deps)
    assert [request.event["subject"] for request in endpoint.taken] == ["service:svc_1"]


@pytest.mark.req("SS26")
async def test_what_happened_during_a_pause_is_not_queued_however_late_the_log_is_read(
    deps: Deps, clock: ManualClock
) -> None:
    async def recorded(about: str) -> events.Event:
        clock.advance(seconds=60)
        async with deps.uow() as tx:
            return await record(tx, about)

    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        unread = [await recorded("svc_before")]
        for during, after in (("svc_first_pause", "svc_between"), ("svc_second_pause", "svc_after")):
            await service.pause_webhook(ADMIN, made.id, deps)
            unread.append(await recorded(during))
            # Whoever pauses or resumes twice has done it once.
            await service.pause_webhook(ADMIN, made.id, deps)
            await service.resume_webhook(ADMIN, made.id, deps)
            await service.resume_webhook(ADMIN, made.id, deps)
            unread.append(await recorded(after))
        for event in unread:
            await consume(deps, event)
        await send(deps)
    listened = ["service:svc_before", "service:svc_between", "service:svc_after"]
    assert [request.event["subject"] for request in endpoint.taken] == listened


@pytest.mark.req("SS26")
async def test_what_happened_before_a_pause_and_is_read_during_it_goes_out_afterwards(deps: Deps) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        async with deps.uow() as tx:
            before = await record(tx, "svc_before")
        await service.pause_webhook(ADMIN, made.id, deps)
        await consume(deps, before)
        await send(deps)
        assert endpoint.requests == []
        assert [each.state for each in await listed(deps, made.id)] == ["pending"]
        await service.resume_webhook(ADMIN, made.id, deps)
        await send(deps)
    assert [request.event["subject"] for request in endpoint.taken] == ["service:svc_before"]


@pytest.mark.req("SS26")
async def test_what_happened_while_an_endpoint_was_disabled_is_not_queued(deps: Deps) -> None:
    made = await make_webhook(deps, URL)
    assert await service.disable_webhook(ADMIN, WebhookId(made.id), "It is gone.", deps)
    # Out of its disabled state it may be paused first.
    await service.pause_webhook(ADMIN, made.id, deps)
    async with deps.uow() as tx:
        meanwhile = await record(tx, "svc_1")
    await service.resume_webhook(ADMIN, made.id, deps)
    await consume(deps, meanwhile)
    assert await listed(deps, made.id) == []


async def test_many_pauses_are_remembered_in_little_room(deps: Deps) -> None:
    made = await make_webhook(deps, URL)
    for _ in range(MAX_SILENCES + 5):
        await service.pause_webhook(ADMIN, made.id, deps)
        async with deps.uow() as tx:
            last = await record(tx, "svc_1")
        await service.resume_webhook(ADMIN, made.id, deps)
    seen = await service.find_webhook(ADMIN, made.id, deps)
    assert len(seen.webhook.silences) == MAX_SILENCES
    assert (seen.webhook.listened_at(last.seq), seen.webhook.listened_at(last.seq + 2)) == (False, True)
    assert not seen.webhook.listened_at(seen.webhook.silences[0].begin)


async def test_names_and_numbers_are_counted_per_scope(deps: Deps) -> None:
    await service.create_webhook(ADMIN, GOOD, deps)
    await service.create_webhook(IN_DEVELOPMENT, GOOD, deps)
    with pytest.raises(NameTaken):
        await service.create_webhook(ADMIN, GOOD, deps)
    other = await service.create_webhook(ADMIN, replace(GOOD, name="b"), deps)
    with pytest.raises(NameTaken):
        await service.update_webhook(ADMIN, other.seen.webhook.id, {"name": "orders"}, deps)
    first = await service.list_webhooks(ADMIN, PageAsk(1), deps)
    second = await service.list_webhooks(ADMIN, PageAsk(1, decode_cursor(first.next_cursor)), deps)
    assert [page.items[0].webhook.name for page in (first, second)] == ["b", "orders"]
    assert (first.total, second.next_cursor) == (2, None)


async def test_a_scope_has_no_more_than_a_hundred(deps: Deps) -> None:
    for number in range(MAX_WEBHOOKS):
        await service.create_webhook(ADMIN, replace(GOOD, name=f"n{number}"), deps)
    with pytest.raises(TooManyWebhooks):
        await service.create_webhook(ADMIN, replace(GOOD, name="one more"), deps)
    await service.create_webhook(IN_DEVELOPMENT, GOOD, deps)


@pytest.mark.req("SS26")
async def test_every_change_is_an_event_and_in_the_audit_trail(deps: Deps) -> None:
    made = await service.create_webhook(ADMIN, replace(GOOD, url="http://127.0.0.1:9/in?key=hidden"), deps)
    webhook_id = made.seen.webhook.id
    await service.update_webhook(ADMIN, webhook_id, {"description": "d"}, deps)
    await service.pause_webhook(ADMIN, webhook_id, deps)
    await service.resume_webhook(ADMIN, webhook_id, deps)
    await service.rotate_secret(ADMIN, webhook_id, timedelta(hours=1), deps)
    await service.delete_webhook(ADMIN, webhook_id, deps)
    async with deps.read() as tx:
        _, told = await events.recent_events(tx, ADMIN, 20)
    found = await audit.search_audit(ADMIN, audit.Search(), PageAsk(), deps)
    expected = ["created", "updated", "paused", "resumed", "secret_rotated", "deleted"]
    assert [event.kind for event in reversed(told)] == [f"webhook.{each}.v1" for each in expected]
    assert {(event.subject, event.category) for event in told} == {(f"webhook:{webhook_id}", "integration")}
    verbs = ["create", "update", "pause", "resume", "rotate_secret", "delete"]
    assert [entry.action for entry in reversed(found.items)] == [f"webhook.{each}" for each in verbs]
    assert "hidden" not in repr((told, found.items))
    assert "whsec_" not in repr((told, found.items))
    assert told[-1].kind == MADE


def test_a_ladder_ends_and_its_jitter_only_adds() -> None:
    assert [retry_delay_s((1, 5), failures, 0.0) for failures in (1, 2, 3)] == [1, 5, None]
    assert retry_delay_s((10,), 1, 1.0) == 12


def test_retry_after_is_read_as_seconds_or_as_a_date(clock: ManualClock) -> None:
    now = clock.now().replace(microsecond=0)
    date = (now + timedelta(seconds=30)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    readings = [retry_after_s(text, now) for text in ("120", date, "1e9", "-5", "soon", "", None)]
    assert readings == [120, 30, None, None, None, None, None]
    assert retry_after_s("99999", now) == 3600
