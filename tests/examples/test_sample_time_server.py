"""The tool server sample, asked without Portico in between."""

from collections.abc import Iterator

import pytest
from mcp import Client

from tests.examples.conftest import running


@pytest.fixture(scope="module")
def time_url() -> Iterator[str]:
    with running("time_server.py") as url:
        yield url


async def test_it_tells_the_time_and_calculates(time_url: str) -> None:
    async with Client(time_url) as client:
        asked = {"at": "2026-07-28T09:30", "from_zone": "Europe/Berlin", "to_zone": "Asia/Kathmandu"}
        moment = await client.call_tool("convert", asked)
        assert moment.structured_content == {
            "zone": "Asia/Kathmandu",
            "at": "2026-07-28T13:15:00+05:45",
            "weekday": "Tuesday",
        }
        span = await client.call_tool("between", {"start": "2026-01-01T00:00", "end": "2026-01-02T12:00"})
        assert span.structured_content == {"seconds": 129600.0, "days": 1.5}
        for expression, value in {"2 ** 10 - 1": "1023", "-7 // 2 + 0.5": "-2.5", "(0.1 + 0.2) * 3": "0.9"}.items():
            found = await client.call_tool("calculate", {"expression": expression})
            assert found.structured_content == {"value": value}


@pytest.mark.parametrize("expression", ["__import__('os')", "1 / 0", "9 ** 9 ** 9", "1 +", "x", "1" * 201, "True"])
async def test_it_refuses_what_is_no_arithmetic(time_url: str, expression: str) -> None:
    async with Client(time_url) as client:
        assert (await client.call_tool("calculate", {"expression": expression})).is_error


async def test_it_knows_its_zones(time_url: str) -> None:
    async with Client(time_url) as client:
        failed = await client.call_tool("now", {"zone": "../etc/passwd"})
        assert failed.is_error
        assert "time://zones" in failed.content[0].text
