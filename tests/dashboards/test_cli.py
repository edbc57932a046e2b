"""`portico dashboards` against a running installation."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.conftest import widget
from tests.installation import Installation

ENGINES = ("sqlite",)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation(tmp_path_factory.mktemp("dashboards") / "data").prepare().start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def key(installation: Installation) -> str:
    with installation.signed_in() as owner:
        return owner.make_key("composer", permissions=["dashboards.read", "dashboards.manage"])


def test_a_dashboard_is_made_changed_composed_and_removed(installation: Installation, key: str, tmp_path: Path) -> None:
    installation.extra |= {"PORTICO_URL": installation.url, "PORTICO_KEY": key}

    def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return installation.run("dashboards", *arguments, check=check)

    def run_json(*arguments: str) -> Any:
        return json.loads(run(*arguments, "--json").stdout)

    def file(name: str, content: Any) -> str:
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return str(path)

    made = run_json("add", "Ops", "--layout", "split", "--shared")
    board = made["id"]
    assert (made["layout"], made["shared"], made["widget_count"]) == ("split", "org", 0)
    add = file("add.json", [{"op": "add", "path": "/widgets/w1", "value": widget("w1", "Traffic")}])
    assert run_json("patch", board, add, "--version", "1")["version"] == 2
    late = run("patch", board, add, "--version", "1", check=False)
    assert (late.returncode, "version 2 by now" in late.stderr) == (1, True)
    assert "Traffic  Calls  w1" in run("state", board).stdout

    offer = file("offer.json", [{"type": "TaskList", "title": "Today", "options": {}}])
    proposal = run_json("compose", board, offer, "--title", "A list")
    assert run_json("proposals", board)["items"] == [proposal]
    assert run_json("keep", board, proposal["id"])["version"] == 3
    again = run_json("compose", board, offer, "--title", "Another")
    assert "Discarded" in run("discard", board, again["id"]).stderr

    state = run_json("state", board)
    copy = run_json("add", "Copy", "--state", file("state.json", state))
    assert (copy["widget_count"], copy["layout"], copy["shared"]) == (2, "split", "private")
    assert run_json("state", copy["id"])["checksum"] == state["checksum"]
    assert run_json("state", board, "--schema", "0")["state"]["widgets"][0]["id"] in state["state"]["widgets"]
    assert run_json("edit", copy["id"], "--name", "Mine", "--shared")["shared"] == "org"
    assert sorted(each["name"] for each in run_json("list")["items"]) == ["Mine", "Ops"]
    assert run_json("show", copy["id"])["name"] == "Mine"
    assert "KanbanBoard" in run("types").stdout
    run("clear", copy["id"], "--yes")
    assert run_json("show", copy["id"])["widget_count"] == 0
    refused = run("remove", board, check=False)
    assert (refused.returncode, "add --yes" in refused.stderr) == (1, True)
    run("remove", board, "--yes")
    assert [each["name"] for each in run_json("list")["items"]] == ["Mine"]


def test_a_file_that_is_no_json_is_wrong_usage(installation: Installation, key: str, tmp_path: Path) -> None:
    installation.extra |= {"PORTICO_URL": installation.url, "PORTICO_KEY": key}
    odd = tmp_path / "odd.json"
    odd.write_text("{")
    outcome = installation.run("dashboards", "patch", "dsh_x", str(odd), "--version", "1", check=False)
    assert (outcome.returncode, "is not JSON" in outcome.stderr) == (2, True)
    outcome = installation.run("dashboards", "patch", "dsh_x", str(odd) + ".gone", "--version", "1", check=False)
    assert (outcome.returncode, "cannot be read" in outcome.stderr) == (1, True)
