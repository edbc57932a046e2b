"""Writes test-artefacts/requirements.json: which tests prove which requirement, and how each last ended."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_outcomes = pytest.StashKey[dict[str, tuple[list[str], str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_outcomes] = {}
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Recorder(config), "requirements-recorder")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    # User properties travel from a worker to the controller; markers do not.
    if not any(name == "req" for name, _ in item.user_properties):
        ids = [str(each) for marker in item.iter_markers("req") for each in marker.args]
        item.user_properties.extend(("req", each) for each in ids)
    return (yield)


class _Recorder:
    def __init__(self, config: pytest.Config) -> None:
        self.path = config.rootpath / "test-artefacts" / "requirements.json"
        self.ended: dict[str, tuple[list[str], str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        ids = [str(value) for name, value in report.user_properties if name == "req"]
        if ids and (report.when == "call" or report.outcome != "passed"):
            # xdist adds the group to the name of a test that has one; it is the same test without.
            self.ended[re.sub(r"@\w+$", "", report.nodeid)] = (ids, report.outcome)

    def pytest_sessionfinish(self) -> None:
        if not self.ended:
            return
        record = _read(self.path)
        for tests in record.values():
            for test in self.ended:
                tests.pop(test, None)
        for test, (ids, outcome) in self.ended.items():
            for each in ids:
                record.setdefault(each, {})[test] = outcome
        _write(self.path, {each: tests for each, tests in sorted(record.items()) if tests})


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found: dict[str, dict[str, Any]] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found


def _write(path: Path, record: dict[str, dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    draft.replace(path)
