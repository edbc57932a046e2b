import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import httpx2
import pytest
from sqlalchemy import text

from portico.api.app import create_app
from portico.domains.routing.model import BreakerReport, GatewayStatus
from portico.platform.deps import Deps
from portico.platform.sections import MetricsSettings, Sealed
from portico.platform.settings import Settings
from portico.platform.slow_statements import watch_statements
from portico.platform.telemetry import Metrics

ENGINES = ("sqlite",)
KEY, OLD_KEY = "k" * 44, "o" * 44


def status(gateway_id: str = "gw-1", *, journal_ok: bool = True, version: int = 7) -> GatewayStatus:
    counters = {"calls_total": 12.0, "open_streams": 3.0}
    return GatewayStatus(gateway_id, "epoch", 1, 0, version, 4, 2, journal_ok, (), counters)


class Feed:
    def __init__(self, *statuses: GatewayStatus, silent: str = "") -> None:
        self.reported, self.silent = list(statuses), silent

    def fresh(self, gateway_id: str) -> bool:
        return gateway_id != self.silent

    def statuses(self) -> Sequence[GatewayStatus]:
        return self.reported

    def breakers(self, org_id: str) -> Sequence[BreakerReport]:
        return []


def open_client(deps: Deps, feed: Feed | None = None, settings: Settings | None = None) -> httpx2.AsyncClient:
    app = create_app(deps if settings is None else replace(deps, settings=settings), feed)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://portico.test")


@pytest.fixture
async def client(deps: Deps) -> AsyncIterator[httpx2.AsyncClient]:
    async with open_client(deps, Feed(status())) as opened:
        yield opened


@pytest.mark.req("SP9")
@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_health_answers_without_a_credential_and_quickly(client: httpx2.AsyncClient, path: str) -> None:
    await client.get(path)
    began = time.perf_counter()
    response = await client.get(path)
    assert time.perf_counter() - began < 0.05
    assert response.status_code == 200
    assert response.json() == {"status": "healthy", "timestamp": "2026-01-01T00:00:00.000Z"}
    assert (await client.head(path)).status_code == 200


@pytest.mark.req("SP9")
async def test_it_is_alive_but_not_ready_without_its_database(
    deps: Deps, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse() -> None:
        raise ConnectionRefusedError("postgresql://portico:hunter2@db")

    monkeypatch.setattr(deps.db, "ping", refuse)
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["error"]["code"]) == (503, "E9902")
    assert "hunter2" not in ready.text
    assert (await client.get("/health/live")).status_code == 200


async def test_the_database_is_asked_at_most_once_a_second(
    deps: Deps, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def count() -> None:
        nonlocal asked
        asked += 1

    monkeypatch.setattr(deps.db, "ping", count)
    for _ in range(20):
        await client.get("/health/ready")
    assert asked == 1


@pytest.mark.parametrize(
    ("feed", "said"),
    [
        (Feed(), "no gateway is connected"),
        (Feed(status(), silent="gw-1"), "no gateway is connected"),
        (Feed(status(journal_ok=False)), "gw-1 cannot write its journal"),
    ],
)
async def test_it_is_not_ready_without_a_gateway_that_works(deps: Deps, feed: Feed, said: str) -> None:
    async with open_client(deps, feed) as client:
        response = await client.get("/health/ready")
    assert response.status_code == 503
    assert said in response.json()["message"]


@pytest.mark.req("HY16", "HY18")
async def test_metrics_need_the_key_or_during_a_change_the_one_before(deps: Deps) -> None:
    keys = MetricsSettings(key=Sealed(KEY), previous_key=Sealed(OLD_KEY))
    async with open_client(deps, settings=replace(deps.settings, metrics=keys)) as client:
        for header, expected in (
            (None, 401),
            ("Bearer wrong", 401),
            (f"Basic {KEY}", 401),
            (f"Bearer {KEY}", 200),
            (f"Bearer {OLD_KEY}", 200),
        ):
            response = await client.get("/metrics", headers={} if header is None else {"Authorization": header})
            assert response.status_code == expected, header
            assert KEY not in response.text


async def test_metrics_are_open_only_in_development_and_only_without_a_key(deps: Deps) -> None:
    async with open_client(deps) as client:
        assert (await client.get("/metrics")).status_code == 200
    async with open_client(deps, settings=replace(deps.settings, environment="production")) as client:
        assert (await client.get("/metrics")).status_code == 401


@pytest.mark.req("HY18")
async def test_metrics_count_requests_by_route_and_carry_the_gateways_numbers(client: httpx2.AsyncClient) -> None:
    await client.get("/health")
    await client.get("/api/v1/audit")
    await client.get("/api/v1/nothing/9f8e7d")
    text = (await client.get("/metrics")).text
    assert 'http_requests_total{method="GET",path="/health",status="200"} 1.0' in text
    assert 'http_requests_total{method="GET",path="unmatched",status="404"} 1.0' in text
    assert 'http_request_duration_seconds_bucket{le="0.05",method="GET",path="/health"} 1.0' in text
    assert 'portico_gateway_calls_total{gateway="gw-1"} 12.0' in text
    assert 'portico_gateway_open_streams{gateway="gw-1"} 3.0' in text
    assert "9f8e7d" not in text


@pytest.mark.req("SP21")
async def test_a_slow_statement_is_counted_and_logged_without_what_was_bound_to_it(
    deps: Deps, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    watch_statements(deps.db.sqlalchemy, metrics.note_slow_statement, slow_s=0.0)
    async with deps.read() as tx:
        await tx.execute(text("SELECT :word"), {"word": "hunter2"})
    assert (metrics.registry.get_sample_value("portico_slow_statements_total") or 0) >= 1
    assert "SELECT ?" in caplog.text
    assert "hunter2" not in caplog.text
