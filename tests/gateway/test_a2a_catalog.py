"""What a key may use, in one list."""

import pytest

from tests.gateway import house as terms
from tests.gateway.a2a_agents import agent
from tests.gateway.builder import Builder

NARROW = "pk_9f8e7d6c_" + "n" * 43


@pytest.mark.req("N9", "HY2")
async def test_the_catalog_lists_what_a_key_may_use_and_nothing_else(build: Builder) -> None:
    keys = (terms.key(), terms.key(NARROW, id="key_2", name="narrow", services=("echo",)))
    house = await build.house(
        agent("http://127.0.0.1:9"),
        terms.service("clock", "http://127.0.0.1:9", kind="tools"),
        terms.service("secret", "http://127.0.0.1:9", restricted=True),
        terms.model("http://127.0.0.1:9"),
        snapshot={"keys": keys},
    )
    path = "/.well-known/ai-catalog.json"
    told = await house.ask("GET", path)
    assert [each["identifier"] for each in told.json["entries"]] == ["tools:clock", "agent:echo", "model:m"]
    base = house.gate.settings.base_url
    assert told.json["entries"][1]["url"] == f"{base}/a2a/echo/.well-known/agent-card.json"
    narrow = await house.ask("GET", path, secret=NARROW)
    assert [each["identifier"] for each in narrow.json["entries"]] == ["agent:echo"]
    assert (await house.ask("GET", path, secret=None)).status == 401
    assert (await house.ask("POST", path)).status == 405
