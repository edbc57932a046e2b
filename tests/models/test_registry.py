"""What an org says of its models, and how they come to their end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.hub import service as hub_service
from portico.domains.models import public as models
from portico.domains.models import registry
from portico.domains.models.model import ModelPrice
from portico.domains.routing import public as routing
from portico.domains.tenancy import public as tenancy
from portico.kernel.clock import ManualClock
from portico.kernel.errors import InvalidFields, NotFound
from portico.kernel.paging import PageAsk, decode_cursor
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN, DEVELOPER, STRANGER, VIEWER
from tests.models.offers import offer


async def names(deps: Deps) -> list[str]:
    page = await registry.list_models(ADMIN, None, PageAsk(), deps)
    return [each.name for each in page.items]


async def told(deps: Deps) -> Sequence[str]:
    async with deps.read() as tx:
        _, newest = await events.recent_events(tx, ADMIN, 50)
    return [event.kind for event in reversed(newest) if event.kind.startswith("model.")]


async def test_a_model_is_known_as_soon_as_a_service_offers_it(deps: Deps) -> None:
    await offer(ADMIN, deps, "acme-ai", "big", "small", max_output_tokens=500)
    await offer(ADMIN, deps, "other-ai", "middle")
    assert await names(deps) == ["big", "middle", "small"]
    found = await registry.find_model(VIEWER, "big", deps)
    assert (found.service.name, found.max_output_tokens, found.lifecycle) == ("acme-ai", 500, "current")
    assert found.price == ModelPrice(1_000_000, 2_000_000, 0)
    with pytest.raises(NotFound):
        await registry.find_model(STRANGER, "big", deps)


async def test_the_list_is_paged_by_name(deps: Deps) -> None:
    await offer(ADMIN, deps, "acme-ai", "c", "a", "b")
    first = await registry.list_models(ADMIN, None, PageAsk(2), deps)
    assert ([each.name for each in first.items], first.total) == (["a", "b"], 3)
    rest = await registry.list_models(ADMIN, None, PageAsk(2, decode_cursor(first.next_cursor)), deps)
    assert ([each.name for each in rest.items], rest.next_cursor) == (["c"], None)
    assert [each.name for each in (await registry.list_models(ADMIN, "B", PageAsk(), deps)).items] == ["b"]


async def test_models_of_a_hidden_service_do_not_exist(deps: Deps) -> None:
    await offer(ADMIN, deps, "acme-ai", "big", visibility="restricted")
    with pytest.raises(NotFound):
        await registry.update_model(DEVELOPER, "big", {"note": "x"}, deps)
    assert (await registry.list_models(DEVELOPER, None, PageAsk(), deps)).items == []


async def test_what_is_said_is_kept_recorded_and_taken_back(deps: Deps) -> None:
    service = await offer(ADMIN, deps, "acme-ai", "big", "small")
    said = {"quality": 5, "capabilities": ("chat", "tools"), "price": ModelPrice(3, 4, 5), "context_tokens": 9000}
    changed = await registry.update_model(DEVELOPER, "big", said, deps)
    assert changed == await registry.find_model(VIEWER, "big", deps)
    assert (changed.facts.quality, changed.price, changed.facts.capabilities) == (
        5,
        ModelPrice(3, 4, 5),
        ("chat", "tools"),
    )
    again = await registry.update_model(DEVELOPER, "big", {"price": None}, deps)
    assert (again.facts.quality, again.price) == (5, ModelPrice(1_000_000, 2_000_000, 0))
    snapshot = await routing.compile_snapshot(deps)
    [entry] = snapshot.model_facts
    assert (entry.service_id, entry.model, entry.quality, entry.capabilities) == (
        service.id,
        "big",
        5,
        ("chat", "tools"),
    )
    await registry.reset_model(DEVELOPER, "big", deps)
    await registry.reset_model(DEVELOPER, "big", deps)
    assert (await registry.find_model(VIEWER, "big", deps)).facts.quality is None
    assert await told(deps) == ["model.updated.v1", "model.updated.v1", "model.reset.v1"]
    found = await audit.search_audit(ADMIN, audit.Search(action="model.update"), PageAsk(), deps)
    assert [entry.target.name for entry in found.items if entry.target is not None] == ["big", "big"]
    assert (await routing.compile_snapshot(deps)).model_facts == ()


async def test_what_is_said_goes_with_the_service(deps: Deps) -> None:
    await offer(ADMIN, deps, "acme-ai", "big")
    await registry.update_model(ADMIN, "big", {"quality": 5}, deps)
    await hub_service.delete_service(ADMIN, "acme-ai", deps)
    await offer(ADMIN, deps, "acme-ai", "big")
    assert (await registry.find_model(ADMIN, "big", deps)).facts.quality is None


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"quality": 6}, "quality"),
        ({"speed": 0}, "speed"),
        ({"context_tokens": 0}, "context_tokens"),
        ({"capabilities": ("flying",)}, "capabilities"),
        ({"price": ModelPrice(-1)}, "price.input_microusd_per_mtok"),
        ({"sends": "a b"}, "sends"),
        ({"successor": "big"}, "successor"),
        ({"successor": "nobody"}, "successor"),
        ({"when_retired": "successor"}, "successor"),
        ({"note": "x" * 2001}, "note"),
    ],
)
async def test_nonsense_is_refused_by_its_field(deps: Deps, said: dict[str, object], field: str) -> None:
    await offer(ADMIN, deps, "acme-ai", "big")
    with pytest.raises(InvalidFields) as refused:
        await registry.update_model(ADMIN, "big", said, deps)
    assert [each.field for each in refused.value.fields] == [field]


async def test_the_end_does_not_come_before_its_beginning(deps: Deps, clock: ManualClock) -> None:
    await offer(ADMIN, deps, "acme-ai", "big")
    said = {"deprecated_at": clock.now(), "retires_at": clock.now() - timedelta(days=1)}
    with pytest.raises(InvalidFields):
        await registry.update_model(ADMIN, "big", said, deps)


@dataclass
class Reported:
    """A gateway's report, as far as it matters here."""

    counters: dict[str, float]
    epoch: str = "e1"
    gateway_id: str = "gateway-1"


def counted(org_id: str, model: str, calls: float, epoch: str = "e1") -> Reported:
    return Reported({f'deprecated_model_calls_total{{org="{org_id}",model="{model}"}}': calls, "other": 1.0}, epoch)


def test_calls_to_deprecated_models_are_counted_once() -> None:
    calls = models.DeprecatedCalls()
    first = [counted("org_1", "old", 3), counted("org_1", "old", 2, "e2")]
    assert calls.since_last(first) == {("org_1", "old"): 5}
    assert calls.since_last(first) == {}
    # A gateway that was started anew counts from the beginning.
    assert calls.since_last([counted("org_1", "old", 1, "e3")]) == {("org_1", "old"): 1}


async def test_that_a_deprecated_model_is_still_called_is_told_once_a_day(deps: Deps, clock: ManualClock) -> None:
    await offer(ADMIN, deps, "acme-ai", "old", "new")
    await registry.update_model(ADMIN, "old", {"deprecated_at": clock.now(), "successor": "new"}, deps)
    platform, calls = tenancy.platform_scope(), {(str(ADMIN.org_id), "old"): 7, (str(ADMIN.org_id), "new"): 1}
    assert await models.tell_deprecated_use(platform, calls, deps) == 1
    clock.advance(seconds=3600)
    assert await models.tell_deprecated_use(platform, calls, deps) == 0
    clock.advance(seconds=86_400)
    assert await models.tell_deprecated_use(platform, calls, deps) == 1
    assert (await told(deps)).count("model.deprecated_called.v1") == 2
    async with deps.read() as tx:
        _, newest = await events.recent_events(tx, ADMIN, 1)
    assert (newest[0].payload["model"], newest[0].payload["calls"], newest[0].payload["successor"]) == ("old", 7, "new")


@pytest.mark.req("R-LLM-004")
async def test_each_stage_of_an_end_is_told_once(deps: Deps, clock: ManualClock) -> None:
    await offer(ADMIN, deps, "acme-ai", "old", "new")
    now = clock.now()
    end = {"deprecated_at": now + timedelta(days=10), "retires_at": now + timedelta(days=60), "successor": "new"}
    await registry.update_model(ADMIN, "old", end, deps)
    platform = tenancy.platform_scope()
    stages = []
    for days in (0, 10, 1, 20, 5, 25, 5):
        clock.advance(seconds=days * 86_400)
        await models.tell_endings(platform, deps)
        stages.append((await registry.find_model(ADMIN, "old", deps)).lifecycle)
    assert stages == ["current", "deprecated", "deprecated", "retiring", "retiring", "retired", "retired"]
    assert await told(deps) == ["model.updated.v1", "model.deprecated.v1", "model.retiring.v1", "model.retired.v1"]
    async with deps.read() as tx:
        _, newest = await events.recent_events(tx, ADMIN, 1)
    assert (newest[0].payload["model"], newest[0].payload["successor"]) == ("old", "new")
    # Put off, it is told again when it comes again.
    await registry.update_model(ADMIN, "old", {"retires_at": clock.now() + timedelta(days=90)}, deps)
    await models.tell_endings(platform, deps)
    assert (await told(deps))[-1] == "model.updated.v1"
    clock.advance(seconds=90 * 86_400)
    await models.tell_endings(platform, deps)
    assert (await told(deps))[-1] == "model.retired.v1"
