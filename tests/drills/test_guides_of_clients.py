"""The code in the guides for programs, taken from their text and run as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.collector import collecting
from tests.drills.conftest import QUICK_DRAIN, running
from tests.gateway.mcp_servers import sample_server
from tests.installation import Installation

pytestmark = pytest.mark.drill

DOCS = Path(__file__).parents[2] / "docs"


def code(guide: str, holding: str) -> str:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "guides" / guide).read_text(), re.DOTALL)
    return str(next(block for block in blocks if holding in block))


def run(program: str, **environ: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PORTICO_"))}
    done = subprocess.run(
        [sys.executable, "-c", program], env=kept | environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.req("HY17")
def test_spans_of_ones_own_code_as_the_guide_writes_them() -> None:
    with collecting() as collector:
        exporting = {"OTEL_ENABLED": "true", "OTEL_EXPORTER_INSECURE": "true", "OTEL_EXPORTER_ENDPOINT": collector.url}
        assert run(code("opentelemetry.md", "fetch_project"), **exporting) == "apollo is on time\n"
    outer, fetched, summarised = (
        collector.named(name)[0] for name in ("answer a question", "fetch_project", "summarise")
    )
    assert {fetched.parent_span_id, summarised.parent_span_id} == {outer.span_id}
    assert (outer.service, outer.attributes["question"]) == ("planner", "how is it going?")
    assert (fetched.attributes, summarised.attributes) == ({"project": "apollo"}, {"style": "short"})
    assert summarised.events == ["read"]


@pytest.mark.req("HY17")
def test_a_trace_goes_on_as_the_guide_writes_it() -> None:
    assert run(code("opentelemetry.md", "trace_headers")).startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")


@pytest.mark.req("HY20")
def test_private_fields_are_left_out_as_the_guide_writes_it() -> None:
    told = run(code("clients.md", "def readable"))
    assert "apollo" in told
    assert "launch" in told
    assert "ada@example.com" not in told
    assert "'x'" not in told


@pytest.mark.req("HY20")
def test_an_action_is_carried_out_as_the_guide_writes_it(tmp_path: Path) -> None:
    for installation in running(Installation(tmp_path / "data", extra=dict(QUICK_DRAIN))):
        with sample_server() as tools, installation.signed_in() as owner:
            owner.make("/services", name="time", kind="tools", url=tools)
            key, program = owner.make_key(), code("clients.md", "calculate")
            told = run(program, PORTICO_URL=installation.url, PORTICO_KEY=key)
            assert "calculate" in told
            assert "42" in told


def test_no_guide_names_a_setting_or_a_page_that_is_not_there() -> None:
    pages = ("guides/opentelemetry.md", "guides/connect.md", "guides/clients.md", "stories/agents.md")
    for page in pages:
        text = (DOCS / page).read_text()
        for link in re.findall(r"\]\(([^)#:]+\.md)\)", text):
            assert (DOCS / page).parent.joinpath(link).exists(), f"{page} leads to {link}"
