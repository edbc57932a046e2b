import pytest

from portico.domains.events import public as events
from portico.domains.hub import health, parts
from portico.domains.hub import public as hub
from portico.domains.hub.model import Endpoint, Version, aggregate_status
from portico.kernel.clock import ManualClock
from portico.kernel.errors import NotFound, NotPermitted
from portico.kernel.ids import EndpointId, ServiceId, VersionId
from portico.platform.deps import Deps
from portico.platform.outbound import Answer, Outbound, Unreachable
from portico.platform.settings import Settings
from tests.hub.orgs import ADMIN, STRANGER, VIEWER

URL = "http://127.0.0.1:9001/base"
ENDPOINT = Endpoint(EndpointId("end_1"), ServiceId("svc_1"), VersionId("ver_1"), URL, 1)
DRAFT = hub.ServiceDraft("inventory", "http", URL, health_path="/health")


class Upstreams(Outbound):
    """Answers by URL; what is not listed cannot be reached."""

    def __init__(self, **statuses: int) -> None:
        super().__init__(Settings())
        self.statuses = dict(statuses)
        self.asked: list[str] = []

    async def send(self, method: str, url: str, **_how: object) -> Answer:
        self.asked.append(url)
        status = next((status for name, status in self.statuses.items() if name in url), None)
        if status is None:
            raise Unreachable("nobody there")
        return Answer(status, (), b"")


@pytest.mark.req("SP10", "C22")
def test_three_failures_in_a_row_make_an_endpoint_unhealthy_and_two_successes_healthy(clock: ManualClock) -> None:
    endpoint, states = ENDPOINT, []
    for error in (None, "x", "x", None, "x", "x", "x", None, "x", None, None):
        endpoint = endpoint.probed(error, clock.now())
        states.append(endpoint.health)
    assert states == ["healthy"] * 6 + ["unhealthy"] * 4 + ["healthy"]


def test_an_endpoint_that_never_answered_becomes_unhealthy_at_the_third_failure(clock: ManualClock) -> None:
    endpoint, states = ENDPOINT, []
    for _ in range(3):
        endpoint = endpoint.probed("nobody there", clock.now())
        states.append(endpoint.health)
    assert states == ["unknown", "unknown", "unhealthy"]
    assert endpoint.last_error == "nobody there"


@pytest.mark.req("SP10")
@pytest.mark.parametrize(
    ("healths", "status"),
    [
        ([], "unhealthy"),
        (["unknown"], "unknown"),
        (["healthy", "unknown"], "healthy"),
        (["healthy", "unhealthy"], "degraded"),
        (["unknown", "unhealthy"], "degraded"),
        (["unhealthy", "unhealthy"], "unhealthy"),
    ],
)
def test_a_service_is_as_well_as_the_endpoints_that_take_its_traffic(healths: list[str], status: str) -> None:
    def version(status: str, weight: int, healths: list[str]) -> Version:
        endpoints = tuple(
            Endpoint(EndpointId(str(n)), ServiceId("s"), VersionId("v"), URL, 1, health=each)  # type: ignore[arg-type]
            for n, each in enumerate(healths)
        )
        return Version(VersionId("v"), ServiceId("s"), "v1", weight, status, endpoints)  # type: ignore[arg-type]

    others = [version("deprecated", 100, ["unhealthy"]), version("active", 0, ["unhealthy"])]
    assert aggregate_status([version("active", 100, healths), *others]) == status


@pytest.mark.req("SP10", "C22")
async def test_health_is_checked_every_thirty_seconds_and_news_are_told_once(deps: Deps, clock: ManualClock) -> None:
    await hub.create_service(ADMIN, DRAFT, deps)
    await parts.add_endpoint(ADMIN, "inventory", "v1", "http://127.0.0.1:9002", 1, deps)
    upstreams = Upstreams(**{":9001/health": 200, ":9002/health": 200})
    nudged = deps.bus.listen("snapshot")

    async def a_round() -> str:
        nudged.clear()
        clock.advance(seconds=30)
        await health.check_health(deps, upstreams)
        return (await hub.find_service(ADMIN, "inventory", deps)).status

    assert await a_round() == "healthy"
    assert sorted(upstreams.asked) == ["http://127.0.0.1:9001/health", "http://127.0.0.1:9002/health"]
    assert (await health.check_health(deps, upstreams)).probed == 0
    del upstreams.statuses[":9002/health"]
    assert [await a_round(), nudged.is_set()] == ["healthy", False]
    assert [await a_round(), nudged.is_set()] == ["healthy", False]
    assert [await a_round(), nudged.is_set()] == ["degraded", True]
    assert [await a_round(), nudged.is_set()] == ["degraded", False]
    upstreams.statuses[":9002/health"] = 200
    assert [await a_round(), await a_round()] == ["degraded", "healthy"]
    async with deps.read() as tx:
        _, newest = await events.recent_events(tx, ADMIN, 10)
    told = [event.kind for event in newest if event.kind.startswith("service.health")]
    assert told == ["service.health_recovered.v1", "service.health_degraded.v1"]


async def test_an_error_status_is_a_failure_and_without_a_health_path_any_answer_counts(
    deps: Deps, clock: ManualClock
) -> None:
    await hub.create_service(ADMIN, DRAFT, deps)
    await hub.create_service(ADMIN, hub.ServiceDraft("plain", "http", "http://127.0.0.1:9005/x"), deps)
    upstreams = Upstreams(**{":9001": 404, ":9005/x": 404})
    status = await health.check_health(deps, upstreams)
    assert (status.probed, status.failed, status.changed) == (2, 1, 1)
    assert (await hub.find_service(ADMIN, "plain", deps)).status == "healthy"
    assert (await hub.find_service(ADMIN, "inventory", deps)).endpoints[0].last_error == "answered 404"


async def test_anyone_who_may_call_a_service_may_have_it_checked_now(deps: Deps) -> None:
    await hub.create_service(ADMIN, DRAFT, deps)
    checked = await health.check_service(ADMIN, "inventory", deps, Upstreams(**{":9001": 200}))
    assert (checked.status, checked.endpoints[0].last_checked_at) == ("healthy", deps.clock.now())
    with pytest.raises(NotPermitted):
        await health.check_service(VIEWER, "inventory", deps, Upstreams())
    with pytest.raises(NotFound):
        await health.check_service(STRANGER, "inventory", deps, Upstreams())


async def test_an_endpoint_removed_during_its_probe_leaves_no_trace(deps: Deps) -> None:
    made = await hub.create_service(ADMIN, DRAFT, deps)

    class Removing(Upstreams):
        async def send(self, method: str, url: str, **how: object) -> Answer:
            await parts.remove_endpoint(ADMIN, "inventory", made.endpoints[0].id, deps)
            return await super().send(method, url, **how)

    assert (await health.check_health(deps, Removing(**{":9001": 200}))).changed == 0
    assert (await hub.find_service(ADMIN, "inventory", deps)).status == "unhealthy"


async def test_more_endpoints_than_one_batch_are_all_checked_in_one_round(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_BATCH", 2)
    for number in range(5):
        await hub.create_service(ADMIN, hub.ServiceDraft(f"s-{number}", "http", "http://127.0.0.1:9001"), deps)
    await hub.create_service(STRANGER, hub.ServiceDraft("theirs", "http", "http://127.0.0.1:9001"), deps)
    assert (await health.check_health(deps, Upstreams(**{":9001": 200}))).changed == 6
