"""Kinds, what they are called elsewhere, and what their payloads may be."""

import pytest
from jsonschema import Draft202012Validator

from portico.api.app import create_app
from portico.domains.events import catalogue as kinds
from portico.domains.events import public as events
from portico.domains.events import service
from portico.domains.events.catalogue import ALIASES, UndeclaredEvent
from portico.domains.events.model import CATEGORIES, EventFilter
from portico.domains.tenancy import public as tenancy
from portico.kernel.errors import NotFound
from portico.kernel.ids import OrgId
from portico.kernel.paging import PageAsk
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps

assert create_app  # the whole door, so that every domain has declared its kinds
SHAPED = events.declare(
    "shape.drawn.v1",
    "A shape was drawn.",
    about="shape_id",
    category="error",
    fields={"shape_id": str, "size": float, "sides": int | None, "filled": bool, "tags": list, "place": dict},
)
GOOD = {"shape_id": "s1", "size": 2, "sides": None, "filled": True, "tags": ["a"], "place": {"x": 1}}


@pytest.fixture(autouse=True)
def own_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test declares is gone after it: others ask the catalogue what the house has."""
    monkeypatch.setattr(kinds, "_catalogue", dict(kinds._catalogue))


def inside(org: str = "org_a", scope: str = "ENTERPRISE") -> OrgScope:
    return tenancy.open_system_scope(OrgId(org), scope)


async def record(deps: Deps, kind: str = SHAPED, scope: OrgScope | None = None, **payload: object) -> events.Event:
    async with deps.uow() as tx:
        return await events.record(tx, scope or inside(), kind=kind, payload=payload or GOOD)


@pytest.mark.req("SP17", "R-DATA-008", "R-DATA-009")
def test_every_kind_has_a_summary_a_category_an_aggregate_and_a_valid_schema() -> None:
    found = events.catalogue()
    assert len(found) > 40
    for name, kind in found.items():
        assert kind.summary.endswith("."), name
        assert kind.category in CATEGORIES, name
        assert kind.about in kind.types, name
        Draft202012Validator.check_schema(kind.schema)
        assert kind.schema["title"] == name
    assert {kind.category for kind in found.values()} >= {"system", "application", "error"}


@pytest.mark.req("R-DATA-008", "R-DATA-009")
async def test_what_is_recorded_fits_the_published_schema_and_says_what_it_is_about(deps: Deps) -> None:
    event = await record(deps)
    Draft202012Validator(events.catalogue()[SHAPED].schema).validate(event.payload)
    assert (event.subject, event.category, event.origin) == ("shape:s1", "error", None)
    assert await service.find_event(inside(), event.id, deps) == event


@pytest.mark.parametrize(
    "wrong",
    [{"size": "2"}, {"size": True}, {"sides": 1.5}, {"filled": 1}, {"filled": None}, {"tags": {}}, {"place": []}],
)
async def test_a_value_of_another_type_is_refused(deps: Deps, wrong: dict[str, object]) -> None:
    with pytest.raises(UndeclaredEvent, match=next(iter(wrong))):
        await record(deps, **{**GOOD, **wrong})


def test_a_kind_is_about_one_of_its_fields() -> None:
    for about, fields in (("nothing", {"shape_id": str}), ("tags", {"tags": list})):
        with pytest.raises(UndeclaredEvent):
            events.declare("shape.lost.v1", "A shape was lost.", about=about, fields=fields)


def test_a_kind_has_one_shape() -> None:
    with pytest.raises(UndeclaredEvent):
        events.declare(SHAPED, "A shape was drawn.", about="shape_id", fields={"shape_id": str})


@pytest.mark.req("C24")
@pytest.mark.parametrize(
    ("pattern", "kind", "meant"),
    [
        ("*", "service.created.v1", True),
        ("service.*", "service.created.v1", True),
        ("service.*", "services.created.v1", False),
        ("service.created", "service.created.v1", True),
        ("service.created", "service.created.v12", True),
        ("service.created", "service.created_again.v1", False),
        ("service.created", "service.created.vault.v1", False),
        ("service.created.v1", "service.created.v1", True),
        ("service.created.v1", "service.created.v2", False),
        ("user.created", "member.joined.v1", True),
        ("user.created.v1", "member.joined.v1", True),
        ("user.created", "user.created.v1", False),
        ("session.terminated", "session.stopped.v1", True),
        ("session.terminated.v1", "session.stopped.v1", True),
    ],
)
async def test_a_pattern_means_the_same_in_a_filter_and_in_the_database(
    deps: Deps, pattern: str, kind: str, meant: bool
) -> None:
    assert events.matches(pattern, kind) is meant
    if kind not in events.catalogue():
        events.declare(kind, "Something happened.", about="thing_id", fields={"thing_id": str})
    fields = events.catalogue()[kind].types
    made: dict[type, object] = {str: "x", int: 1, bool: True, list: [], dict: {}, float: 1.0}
    await record(deps, kind, **{name: made[types[0]] for name, types in fields.items()})
    page = await service.list_events(inside(), EventFilter((pattern,)), PageAsk(), deps)
    assert [event.kind for event in page.items] == ([kind] if meant else [])


@pytest.mark.req("C24")
def test_an_alias_stands_for_no_kind_of_the_house_and_leads_to_none_of_its_own() -> None:
    names = {kind.name for kind in events.catalogue().values() if kind.noun not in {"service", "user", "session"}}
    assert not names & ALIASES.keys()
    assert not set(ALIASES.values()) & ALIASES.keys()
    assert events.catalogue()["member.joined.v1"].aliases == ["user.created", "user.joined"]


async def test_the_log_is_narrowed_by_category_subject_and_time(deps: Deps) -> None:
    first = await record(deps)
    await record(deps, **{**GOOD, "shape_id": "s2"})
    for wanted, seqs in (
        (EventFilter(category="error"), [2, 1]),
        (EventFilter(category="integration"), []),
        (EventFilter(subject="shape:s1"), [1]),
        (EventFilter(until=first.at), []),
        (EventFilter(since=first.at), [2, 1]),
    ):
        page = await service.list_events(inside(), wanted, PageAsk(), deps)
        assert [event.seq for event in page.items] == seqs


async def test_an_event_of_another_org_or_scope_is_not_found(deps: Deps) -> None:
    event = await record(deps)
    for stranger in (inside("org_b"), inside(scope="DEVELOPMENT")):
        with pytest.raises(NotFound):
            await service.find_event(stranger, event.id, deps)


def test_what_was_recorded_before_the_log_knew_subjects_gets_them_from_the_catalogue() -> None:
    assert kinds.category_and_subject(SHAPED, GOOD) == ("error", "shape:s1")
    assert kinds.category_and_subject("gone.away.v1", {}) == ("application", "")
