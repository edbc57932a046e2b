"""Traces of a running installation: hops of one piece of work hang together, and a collector that is gone hurts nobody."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.collector import Collector, collecting
from tests.drills.conftest import QUICK_DRAIN, running
from tests.installation import Installation, Owner, free_port

pytestmark = pytest.mark.drill

TRACE, CLIENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
AGENT = Path(__file__).parent / "traced_agent.py"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def exporting(collector: Collector) -> dict[str, str]:
    return {"OTEL_ENABLED": "true", "OTEL_EXPORTER_ENDPOINT": collector.url, "OTEL_EXPORTER_INSECURE": "true"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, exporting: dict[str, str]) -> Iterator[Installation]:
    yield from running(Installation(tmp_path_factory.mktemp("spans") / "data", extra=QUICK_DRAIN | exporting))


@pytest.fixture
def agent(installation: Installation, exporting: dict[str, str]) -> Iterator[str]:
    """An agent's server that asks a model through Portico; yields its URL."""
    port = free_port()
    with installation.signed_in() as owner:
        ours = {"PORTICO_URL": installation.url, "PORTICO_KEY": owner.make_key("planner")}
    process = subprocess.Popen(
        [sys.executable, str(AGENT), str(port)], env=os.environ | exporting | ours | {"OTEL_SERVICE_NAME": "planner"}
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def call_until(owner: Owner, client: httpx2.Client, path: str, **headers: str) -> httpx2.Response:
    def answered() -> httpx2.Response | None:
        answer = client.get(path, headers=headers)
        return answer if answer.status_code == 200 else None

    found: httpx2.Response = owner.wait_for(answered, f"200 from {path}", 20)
    return found


@pytest.mark.req("HY17", "N5")
def test_client_gateway_agent_gateway_and_model_are_one_trace(
    installation: Installation, collector: Collector, agent: str, quick_model: str
) -> None:
    with installation.signed_in() as owner:
        owner.make("/services", name="planner", kind="http", url=agent)
        owner.make("/services", name="model", kind="model", url=f"{quick_model}/v1", models=["extractive-summariser"])
        headers = {"Authorization": f"Bearer {owner.make_key()}"}
        with httpx2.Client(base_url=installation.url, headers=headers, timeout=20) as client:
            # Services take a moment to be known, and tries of that moment belong to traces of their own.
            call_until(owner, client, "/svc/planner/plan")
            answer = client.get("/svc/planner/plan", headers={"traceparent": f"00-{TRACE}-{CLIENT}-01"})
        assert answer.status_code == 200, answer.text

        def whole_trace() -> list[str]:
            found = [span.name for span in collector.spans if span.trace_id == TRACE]
            return found if len(found) == 4 else []

        owner.wait_for(whole_trace, "four spans")
        spans = {span.name: span for span in collector.spans if span.trace_id == TRACE}
        outer, served = spans["GET planner"], spans["GET /plan"]
        asked, model = spans["ask the model"], spans["chat extractive-summariser"]
        assert [span.parent_span_id for span in (outer, served, asked, model)] == [
            CLIENT,
            outer.span_id,
            served.span_id,
            asked.span_id,
        ]
        assert [span.service for span in (outer, served, asked, model)] == ["agentos", "planner", "planner", "agentos"]
        assert answer.headers["traceparent"] == f"00-{TRACE}-{outer.span_id}-01"
        assert model.attributes["gen_ai.usage.input_tokens"] > 0
        hops = owner.get("/calls", trace_id=TRACE)["items"]
        assert [(hop["span_id"], hop["parent_span_id"]) for hop in hops] == [
            (model.span_id, asked.span_id),
            (outer.span_id, CLIENT),
        ]


@pytest.mark.req("HY17")
def test_a_request_to_the_api_is_below_its_client_and_at_the_top_without_one(
    installation: Installation, collector: Collector
) -> None:
    name, trace = "GET /api/v1/services/{name}", "5" * 32
    with installation.signed_in() as owner:
        owner.client.get("/services/nobody", headers={"traceparent": f"00-{trace}-{CLIENT}-01"})
        owner.client.get("/services/nobody")
        owner.wait_for(lambda: len(collector.named(name)) == 2, "two spans")
    below, top = sorted(collector.named(name), key=lambda span: span.trace_id != trace)
    assert (below.trace_id, below.parent_span_id) == (trace, CLIENT)
    assert (top.parent_span_id, top.attributes["http.response.status_code"]) == ("", 404)


@pytest.mark.req("HY17")
def test_a_collector_that_is_gone_costs_its_spans_and_nothing_else(
    installation: Installation, collector: Collector, inventory: str
) -> None:
    with installation.signed_in() as owner:
        owner.make("/services", name="inventory", kind="http", url=inventory)
        headers = {"Authorization": f"Bearer {owner.make_key()}"}
        with httpx2.Client(base_url=installation.url, headers=headers, timeout=20) as client:
            call_until(owner, client, "/svc/inventory/stock")
            collector.status = 503
            began = time.monotonic()
            made = [client.get("/svc/inventory/stock") for _ in range(50)]
            took_s = time.monotonic() - began
            assert [answer.status_code for answer in made] == [200] * 50
            assert took_s < 20
            last = made[-1].headers["x-portico-call"]
            owner.wait_for(lambda: owner.get("/calls", q=last)["items"], "the record of the last call")
            owner.wait_for(lambda: number(installation, 'dropped_total{reason="not_taken"}') >= 50, "lost spans", 30)
            collector.status = 200
            before = len(collector.spans)
            client.get("/svc/inventory/stock")
            owner.wait_for(lambda: len(collector.spans) > before, "spans again", 30)


def number(installation: Installation, name: str) -> float:
    told = httpx2.get(f"{installation.url}/metrics", timeout=10).text
    return sum(float(line.split()[-1]) for line in told.splitlines() if line.startswith(f"portico_spans_{name}"))
