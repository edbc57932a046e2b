"""Model routes, and what a request would come to."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from portico.domains.events import public as events
from portico.domains.hub.model import BreakerReading
from portico.domains.models import dry_run, registry, rules
from portico.domains.models.errors import IsAModel, NameTaken, TooManyRoutes
from portico.domains.models.model import Decision, RouteAsk, RouteDraft, Rule
from portico.domains.models.terms import MAX_RULES
from portico.domains.routing import public as routing
from portico.kernel.errors import InvalidFields, NotFound
from portico.kernel.ids import ModelRouteId
from portico.kernel.paging import PageAsk
from portico.kernel.scope import DEVELOPMENT, ENTERPRISE
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN, DEVELOPER, IN_DEVELOPMENT, STRANGER, VIEWER
from tests.models.offers import offer


@dataclass
class Measuring:
    """The link to one gateway that reports these counters."""

    counters: dict[str, float]

    def statuses(self) -> list[object]:
        return [self]

    def breakers(self, org_id: str) -> list[BreakerReading]:
        return []

    async def reset_breaker(self, service_id: str) -> None:
        raise AssertionError("nobody asks for it")


AUTO = RouteDraft("auto", (Rule("all", ("big", "small")),))


async def test_a_route_is_made_shown_changed_and_removed(deps: Deps) -> None:
    made = await rules.create_route(DEVELOPER, AUTO, deps)
    assert await rules.find_route(VIEWER, made.id, deps) == made
    assert (await routing.compile_snapshot(deps)).model_routes == (made.entry(),)
    changed = await rules.update_route(DEVELOPER, made.id, {"prefer": "cost", "rules": AUTO.rules * 1}, deps)
    assert (changed.prefer, changed.rules) == ("cost", AUTO.rules)
    assert [each.name for each in (await rules.list_routes(VIEWER, PageAsk(), deps)).items] == ["auto"]
    await rules.update_route(DEVELOPER, made.id, {"enabled": False}, deps)
    assert (await routing.compile_snapshot(deps)).model_routes == ()
    await rules.delete_route(DEVELOPER, made.id, deps)
    with pytest.raises(NotFound):
        await rules.find_route(VIEWER, made.id, deps)
    async with deps.read() as tx:
        _, newest = await events.recent_events(tx, ADMIN, 10)
    kinds = ["model_route.created.v1", *["model_route.updated.v1"] * 2, "model_route.deleted.v1"]
    assert [event.kind for event in reversed(newest)] == kinds
    assert newest[0].subject == f"model_route:{made.id}"


async def test_a_stranger_finds_nothing(deps: Deps) -> None:
    made = await rules.create_route(ADMIN, AUTO, deps)
    for verb in (
        rules.find_route(STRANGER, made.id, deps),
        rules.update_route(STRANGER, made.id, {"prefer": "cost"}, deps),
        rules.delete_route(STRANGER, made.id, deps),
    ):
        with pytest.raises(NotFound):
            await verb
    assert (await rules.list_routes(STRANGER, PageAsk(), deps)).items == []


async def test_a_name_means_one_thing_wherever_it_is_seen(deps: Deps) -> None:
    await offer(ADMIN, deps, "acme-ai", "big")
    with pytest.raises(IsAModel, match="acme-ai"):
        await rules.create_route(ADMIN, replace(AUTO, name="big"), deps)
    mine = await rules.create_route(ADMIN, replace(AUTO, scope=ENTERPRISE), deps)
    # Another scope's is another; one for all scopes would be seen beside both.
    await rules.create_route(IN_DEVELOPMENT, replace(AUTO, scope=DEVELOPMENT), deps)
    with pytest.raises(NameTaken):
        await rules.create_route(ADMIN, AUTO, deps)
    with pytest.raises(NotFound):
        await rules.find_route(IN_DEVELOPMENT, mine.id, deps)
    with pytest.raises(InvalidFields):
        await rules.create_route(ADMIN, replace(AUTO, name="other", scope=DEVELOPMENT), deps)


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (replace(AUTO, name="not a name"), "name"),
        (replace(AUTO, rules=()), "rules"),
        (replace(AUTO, rules=tuple(Rule(f"r{n}", ("big",)) for n in range(MAX_RULES + 1))), "rules"),
        (replace(AUTO, rules=(Rule("r", ("big",)), Rule("r", ("small",)))), "rules"),
        (replace(AUTO, rules=(Rule("r", ()),)), "rules[0].targets"),
        (replace(AUTO, rules=(Rule("r", ("big",), fallbacks=("big",)),)), "rules[0].targets"),
        (replace(AUTO, rules=(Rule("r", ("big",), needs=("flying",)),)), "rules[0].needs"),
        (replace(AUTO, rules=(Rule("r", ("big",), tasks=("a b",)),)), "rules[0].tasks"),
        (replace(AUTO, rules=(Rule("r", ("big",), min_tokens=5, max_tokens=4),)), "rules[0].min_tokens"),
        (replace(AUTO, rules=(Rule(" ", ("big",)),)), "rules[0].name"),
    ],
)
async def test_rules_have_bounds(deps: Deps, draft: RouteDraft, field: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        await rules.create_route(ADMIN, draft, deps)
    assert [each.field for each in refused.value.fields] == [field]


async def test_there_are_only_so_many(deps: Deps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_ROUTES", 1)
    await rules.create_route(ADMIN, AUTO, deps)
    with pytest.raises(TooManyRoutes):
        await rules.create_route(ADMIN, replace(AUTO, name="other"), deps)


async def choose(deps: Deps, route_id: ModelRouteId, draft: RouteDraft | None = None, **sample: Any) -> Decision:
    latency_ms = sample.pop("latency_ms", {})
    return await dry_run.choose_model(
        VIEWER, route_id, dry_run.Sample(RouteAsk(**sample), latency_ms), draft, None, deps
    )


async def test_a_dry_run_says_which_and_why(deps: Deps) -> None:
    await offer(ADMIN, deps, "acme-ai", "big")
    await offer(ADMIN, deps, "other-ai", "small")
    await registry.update_model(ADMIN, "small", {"capabilities": ("chat",), "speed": 5}, deps)
    route = await rules.create_route(ADMIN, AUTO, deps)
    plain = await choose(deps, route.id)
    assert [each.model for each in plain.chosen] == ["big", "small"]
    assert plain.why == "rule 'all', in the given order"
    quick = await choose(deps, route.id, prefer="speed")
    assert [each.model for each in quick.chosen] == ["small", "big"]
    slow = await choose(deps, route.id, prefer="speed", latency_ms={"small": 9000})
    assert [each.model for each in slow.chosen] == ["big", "small"]
    drafted = RouteDraft("draft", (Rule("seeing", ("small", "gone"), needs=("vision",)),))
    none = await choose(deps, route.id, drafted)
    assert none.chosen == ()
    assert none.steps[0].passed == (("small", "it is not known to do vision"), ("gone", "no service offers it"))
    with pytest.raises(InvalidFields):
        await choose(deps, route.id, RouteDraft("draft", ()))


async def test_a_dry_run_reckons_with_what_the_gateways_measured(deps: Deps) -> None:
    service = await offer(ADMIN, deps, "acme-ai", "big", "small")
    route = await rules.create_route(ADMIN, replace(AUTO, prefer="speed"), deps)
    paces = {
        f'model_first_byte_ms{{service="{service.id}",model="big",streamed="0"}}': 900.4,
        f'model_first_byte_ms{{service="{service.id}",model="small",streamed="0"}}': 20.0,
        f'model_first_byte_ms{{service="{service.id}",model="big",streamed="1"}}': 1.0,
    }
    found = await dry_run.choose_model(VIEWER, route.id, dry_run.Sample(RouteAsk()), None, Measuring(paces), deps)
    assert [(each.model, each.latency_ms) for each in found.chosen] == [("small", 20), ("big", 900)]
    # What is told to reckon with counts for more.
    told = dry_run.Sample(RouteAsk(), {"small": 5000})
    found = await dry_run.choose_model(VIEWER, route.id, told, None, Measuring(paces), deps)
    assert [each.model for each in found.chosen] == ["big", "small"]


async def test_a_dry_run_knows_what_is_retired(deps: Deps) -> None:
    await offer(ADMIN, deps, "acme-ai", "big", "small")
    route = await rules.create_route(ADMIN, replace(AUTO, rules=(Rule("all", ("big",)),)), deps)
    retired = {"retires_at": deps.clock.now(), "successor": "small"}
    await registry.update_model(ADMIN, "big", retired, deps)
    assert (await choose(deps, route.id)).steps[0].passed == (("big", "it is retired"),)
    await registry.update_model(ADMIN, "big", {"when_retired": "successor"}, deps)
    assert [each.model for each in (await choose(deps, route.id)).chosen] == ["small"]
