import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from portico.platform.sections import LogSettings, Sealed
from portico.platform.telemetry import Metrics, logger, start_logging


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What a process would write; afterwards logging is as the other tests expect it."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    stream = io.StringIO()
    start_logging(LogSettings(level="info"), stream)
    yield stream
    logging.getLogger().handlers, logging.getLogger().level = handlers, level


def last(lines: io.StringIO) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lines.getvalue().splitlines()[-1])
    return found


def test_a_line_is_one_json_object_with_level_time_and_the_bound_ids(lines: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(correlation_id="req-1"):
        logger("portico.test").info("journal folded", lines=12)
    line = last(lines)
    assert (line["event"], line["lines"], line["level"], line["correlation_id"]) == (
        "journal folded",
        12,
        "info",
        "req-1",
    )
    assert line["timestamp"].endswith("Z")


@pytest.mark.req("HY15")
@pytest.mark.parametrize(
    "fields",
    [
        {"password": "hunter2-hunter2"},
        {"headers": {"Authorization": "Bearer hunter2-hunter2"}},
        {"nested": [{"refresh_token": "hunter2-hunter2"}]},
        {"note": "key pk_9f3a1c2d_hunter2-hunter2 was used"},
        {"url": "postgresql://portico:hunter2-hunter2@db/portico"},
        {"note": "Authorization: Bearer hunter2-hunter2"},
        {"sealed": Sealed("hunter2-hunter2")},
        {"note": "eyJhbGciOiJIUzI1NiJ9.hunter2-hunter2.hunter2-hunter2"},
    ],
    ids=["name", "header", "nested", "key", "url", "text", "sealed", "token"],
)
def test_secrets_never_reach_a_line(lines: io.StringIO, fields: dict[str, Any]) -> None:
    logger("portico.test").warning("something", **fields)
    assert "hunter2" not in lines.getvalue()
    assert "•••" in lines.getvalue()


def test_lines_of_libraries_and_stack_traces_are_cleaned_too(lines: io.StringIO) -> None:
    logging.getLogger("some.library").warning("connecting to %s", "postgresql://portico:hunter2@db")
    try:
        raise ValueError("Bearer hunter2")
    except ValueError as error:
        logger("portico.test").error("failed", exc_info=error)
    assert "hunter2" not in lines.getvalue()
    assert "ValueError" in last(lines)["exception"]


def test_less_severe_lines_are_left_out(lines: io.StringIO) -> None:
    logger("portico.test").debug("detail")
    logging.getLogger("some.library").debug("detail")
    assert lines.getvalue() == ""


def test_gateways_without_a_report_give_no_series() -> None:
    metrics = Metrics()
    metrics.watch_gateways(list)
    assert not [family for family in metrics.registry.collect() if family.name.startswith("portico_gateway")]
