"""From an event to what a person reads, and to whom it is not shown."""

import importlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import portico.domains
from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.notices import public as notices
from portico.domains.notices import service
from portico.domains.notices.catalogue import RULES
from portico.domains.notices.model import KEPT
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.model import PERMISSIONS, ROLE_PERMISSIONS, Role
from portico.kernel.clock import ManualClock
from portico.kernel.errors import InvalidInput, NotFound
from portico.kernel.ids import OrgId
from portico.kernel.paging import PageAsk, decode_cursor
from portico.kernel.scope import SYSTEM, Actor, OrgScope, PlatformScope, ScopeName
from portico.platform.deps import Deps
from tests.consumers.conftest import run

ACME, GLOBEX = OrgId("org_acme"), OrgId("org_globex")
BUDGET = {
    "budget_id": "bud_1",
    "name": "daily",
    "measure": "money",
    "limit": 100,
    "used": 85,
    "used_percent": 85.0,
    "resets_at": "2026-01-02T00:00:00+00:00",
}


def person(role: Role = "viewer", name: str = "ann", org_id: OrgId = ACME, scope: str = "ENTERPRISE") -> OrgScope:
    system = tenancy.open_system_scope(org_id)
    actor = Actor("person", f"per_{name}", name)
    return replace(system, scope=ScopeName(scope), actor=actor, permissions=ROLE_PERMISSIONS[role])


async def happen(deps: Deps, kind: str, by: OrgScope | None = None, **payload: object) -> events.Event:
    """An event, on record and consumed."""
    async with deps.uow() as tx:
        made = await events.record(tx, by or tenancy.open_system_scope(ACME), kind=kind, payload=payload)
    await run(deps, notices.TellPeople())
    return made


async def warn(deps: Deps, by: OrgScope | None = None, **changed: object) -> events.Event:
    return await happen(deps, "budget.warning.v1", by, **{**BUDGET, **changed})


async def shown(deps: Deps, reader: OrgScope, *, unread: bool = False) -> list[notices.Notice]:
    return (await service.list_notices(reader, unread, PageAsk(100), deps)).items


async def titles(deps: Deps, reader: OrgScope) -> list[str]:
    return [each.title for each in await shown(deps, reader)]


@pytest.fixture(autouse=True, scope="module")
def every_kind() -> None:
    """Kinds are declared where they are recorded, so every domain has to be there."""
    root = Path(portico.domains.__path__[0])
    for face in sorted(root.glob("*/public.py")):
        importlib.import_module(f"portico.domains.{face.parent.name}.public")


@pytest.fixture(autouse=True)
async def following(deps: Deps) -> None:
    """The consumer was there before the orgs, so it follows each from its first event."""
    await run(deps, notices.TellPeople())


# -- the catalogue -----------------------------------------------------------------------------------------------------


def test_every_rule_is_for_a_kind_that_exists_and_a_permission_that_exists() -> None:
    known = events.catalogue()
    assert set(RULES) <= set(known)
    for kind, rule in RULES.items():
        assert rule.permission in PERMISSIONS
        assert {rule.names, rule.service} - {None} <= set(known[kind].types)


@pytest.mark.parametrize("kind", sorted(RULES))
def test_every_rule_can_be_written_from_what_its_kind_holds(kind: str) -> None:
    examples: dict[type, object] = {
        str: "2026-01-02T00:00:00+00:00",
        int: 8,
        float: 8.0,
        bool: True,
        list: [],
        dict: {},
    }
    payload = {field: examples[types[0]] for field, types in events.catalogue()[kind].types.items()}
    words = RULES[kind].words(payload, "Ann")
    assert words.title
    assert words.link.startswith("/")


# -- from event to notice ----------------------------------------------------------------------------------------------


async def test_an_event_that_matters_becomes_a_notice(deps: Deps) -> None:
    told = deps.bus.listen("notices")
    made = await warn(deps)
    assert told.is_set()
    (notice,) = await shown(deps, person())
    assert (notice.severity, notice.title) == ("warning", "The budget daily is at 85 %")
    assert (notice.text, notice.link) == ("It starts afresh at 2026-01-02 00:00 UTC.", "/budgets")
    assert (notice.kind, notice.subject, notice.at, notice.read) == ("budget.warning", "budget:bud_1", made.at, False)


async def test_most_events_are_no_notices(deps: Deps) -> None:
    await happen(deps, "scope.created.v1", name="LAB")
    assert await shown(deps, person("admin")) == []


async def test_an_event_consumed_again_makes_no_second_notice_and_stays_read(deps: Deps) -> None:
    made = await warn(deps)
    reader = person()
    await service.read_all(reader, deps)
    async with deps.uow() as tx:
        await notices.TellPeople().consume(tx, tenancy.open_system_scope(ACME), made)
    (notice,) = await shown(deps, reader)
    assert notice.read


async def test_an_old_event_replayed_does_not_come_back_as_news(deps: Deps, clock: ManualClock) -> None:
    made = await warn(deps)
    clock.advance(seconds=(KEPT + timedelta(days=1)).total_seconds())
    await service.purge_notices(PlatformScope(SYSTEM), deps)
    async with deps.uow() as tx:
        await notices.TellPeople().consume(tx, tenancy.open_system_scope(ACME), made)
    assert await shown(deps, person()) == []


async def test_a_key_and_a_person_are_told_by_their_names(deps: Deps) -> None:
    seeded = await tenancy.seed_owner(deps, "Hooli", "hooli", "o@hooli.example", "Olga Owner", "a long enough password")
    inside = tenancy.open_system_scope(seeded.org_id)
    key, _ = await tenancy.create_key(inside, tenancy.KeyDraft("nightly", ("services.read",)), deps)
    await happen(deps, "key.revoked.v1", inside, key_id=key.id, reason="it leaked")
    joined = {"person_id": seeded.person_id, "role": "admin", "is_owner": True}
    await happen(deps, "member.joined.v1", inside, **joined)
    found = {each.title: each.text for each in await shown(deps, person("admin", org_id=seeded.org_id))}
    assert "it leaked" in found["The key nightly is revoked"]
    assert "Olga Owner has joined as an owner" in found
    olga = replace(person("admin", org_id=seeded.org_id), actor=Actor("person", seeded.person_id, "Olga Owner"))
    assert await titles(deps, olga) == ["The key nightly is revoked"], "she knows that she has joined"


# -- who sees it -------------------------------------------------------------------------------------------------------


@pytest.mark.req("SS2")
async def test_another_org_and_another_scope_see_nothing(deps: Deps) -> None:
    await warn(deps)
    (notice,) = await shown(deps, person())
    for stranger in (person("admin", org_id=GLOBEX), person("admin", scope="DEVELOPMENT")):
        assert await shown(deps, stranger) == []
        assert await service.count_unread(stranger, deps) == 0
        with pytest.raises(NotFound):
            await service.read_notice(stranger, notice.id, deps)
    assert await service.count_unread(person(), deps) == 1


async def test_who_may_not_see_what_it_is_about_does_not_see_the_notice(deps: Deps) -> None:
    await happen(deps, "consumer.dead_letters_full.v1", consumer="webhooks", dead_letters=10_000, most=10_000)
    assert await shown(deps, person("viewer")) == []
    assert await shown(deps, person("developer")) == []
    assert await titles(deps, person("admin")) == ["The dead letters are full"]


async def test_a_right_that_is_taken_back_takes_the_notice_along(deps: Deps) -> None:
    await warn(deps)
    reader = person()
    (notice,) = await shown(deps, reader)
    less = replace(reader, permissions=reader.permissions - {"budgets.read"})
    assert await shown(deps, less) == []
    assert await service.count_unread(less, deps) == 0
    with pytest.raises(NotFound):
        await service.read_notice(less, notice.id, deps)


async def test_nobody_is_told_what_they_did_themselves(deps: Deps) -> None:
    ann, bob = person("admin", "ann"), person("admin", "bob")
    await happen(deps, "key.revoked.v1", ann, key_id="key_1", reason=None)
    assert await titles(deps, ann) == []
    assert await titles(deps, bob) == ["The key key_1 is revoked"]


@pytest.mark.req("SS2")
async def test_a_hidden_services_health_is_told_only_to_those_who_see_it(deps: Deps) -> None:
    maker = person("developer", "mia")
    draft = hub.ServiceDraft("secret-plans", "http", "http://127.0.0.1:9", visibility="restricted")
    hidden = await hub.create_service(maker, draft, deps)
    health = {"service_id": hidden.id, "name": hidden.name, "status": "unhealthy", "before": "healthy"}
    await happen(deps, "service.health_degraded.v1", **health)
    granted = replace(person("viewer", "gil"), granted=((hidden.id, "services.read"),))
    for sees in (maker, person("admin"), granted):
        assert await titles(deps, sees) == ["secret-plans is unhealthy"], sees.actor.name
    for other in (person("viewer"), replace(granted, granted=(("svc_other", "services.read"),))):
        assert await titles(deps, other) == []
    plain = await hub.create_service(maker, replace(draft, name="plain", visibility="org"), deps)
    await happen(deps, "service.health_degraded.v1", **health | {"service_id": plain.id, "name": "plain"})
    assert await titles(deps, person("viewer")) == ["plain is unhealthy"]


async def test_of_a_service_that_is_gone_only_admins_are_told(deps: Deps) -> None:
    gone = {"service_id": "svc_gone", "name": "gone", "status": "degraded", "before": "healthy"}
    await happen(deps, "service.health_degraded.v1", **gone)
    assert await titles(deps, person("viewer")) == []
    assert await titles(deps, person("admin")) == ["gone is degraded"]


# -- reading -----------------------------------------------------------------------------------------------------------


async def test_each_person_reads_for_themselves(deps: Deps) -> None:
    await warn(deps)
    ann, bob = person(name="ann"), person(name="bob")
    (notice,) = await shown(deps, ann)
    told = deps.bus.listen("notices")
    await service.read_notice(ann, notice.id, deps)
    assert told.is_set(), "the person's other tabs look again"
    await service.read_notice(ann, notice.id, deps)
    assert [each.read for each in await shown(deps, ann)] == [True]
    assert await shown(deps, ann, unread=True) == []
    assert [each.read for each in await shown(deps, bob, unread=True)] == [False]
    assert [await service.count_unread(each, deps) for each in (ann, bob)] == [0, 1]


async def test_reading_all_leaves_what_comes_later_unread(deps: Deps) -> None:
    reader = person()
    await service.read_all(reader, deps)
    for name in ("one", "two"):
        await warn(deps, name=name)
    await service.read_notice(reader, (await shown(deps, reader))[0].id, deps)
    await service.read_all(reader, deps)
    assert await service.count_unread(reader, deps) == 0
    await warn(deps, name="three")
    assert [(each.title, each.read) for each in await shown(deps, reader)] == [
        ("The budget three is at 85 %", False),
        ("The budget two is at 85 %", True),
        ("The budget one is at 85 %", True),
    ]


async def test_pages_follow_each_other_without_gap_or_repeat(deps: Deps) -> None:
    for number in range(5):
        await warn(deps, name=str(number))
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        page = await service.list_notices(person(), False, PageAsk(2, decode_cursor(cursor)), deps)
        seen += [each.title.split()[2] for each in page.items]
        cursor = page.next_cursor
    assert seen == ["4", "3", "2", "1", "0"]
    assert cursor is None
    wrong = PageAsk(2, decode_cursor("WzIsICJ4Il0"))
    with pytest.raises(InvalidInput):
        await service.list_notices(person(), False, wrong, deps)


# -- bounds ------------------------------------------------------------------------------------------------------------


async def test_a_scope_keeps_only_the_newest(deps: Deps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portico.domains.notices.consumer.MOST_PER_SCOPE", 3)
    await warn(deps, tenancy.open_system_scope(GLOBEX))
    for number in range(5):
        await warn(deps, name=str(number))
    assert len(await shown(deps, person())) == 3
    assert len(await shown(deps, person(org_id=GLOBEX))) == 1


async def test_notices_are_kept_for_90_days(deps: Deps, clock: ManualClock) -> None:
    await warn(deps, name="old")
    reader = person()
    await service.read_notice(reader, (await shown(deps, reader))[0].id, deps)
    clock.advance(seconds=timedelta(days=60).total_seconds())
    await warn(deps, name="young")
    clock.advance(seconds=timedelta(days=31).total_seconds())
    assert await notices.purge_notices(PlatformScope(SYSTEM), deps) == 1
    assert await titles(deps, reader) == ["The budget young is at 85 %"]
    assert await service.count_unread(reader, deps) == 1
