"""The cache of a running Portico: read through, made to forget by whoever writes, looked at and emptied from the command line."""

import json

import pytest

from tests.installation import Installation, Owner

FAMILY = "service_summaries"


def family(owner: Owner, name: str = FAMILY) -> dict[str, int]:
    return next(each for each in owner.get("/cache")["items"] if each["family"] == name)


def names(owner: Owner) -> list[str]:
    """Without Portico's own parts, which are there from the start."""
    found = [each["name"] for each in owner.get("/services", page_size=100)["items"]]
    return [name for name in found if not name.startswith("portico-")]


@pytest.mark.drill
@pytest.mark.req("HY22", "SP22", "SS27", "R-DATA-007")
def test_reads_are_kept_writes_are_seen_at_once_and_all_can_be_let_go(installation: Installation) -> None:
    with installation.signed_in() as owner:
        assert names(owner) == []
        hits = family(owner)["hits"]
        assert names(owner) == []
        assert family(owner)["hits"] > hits

        for place in range(3):
            owner.make("/services", name=f"kept-{place}", kind="http", url="http://127.0.0.1:9")
            assert len(names(owner)) == place + 1, "what was written is seen at once"
        key = owner.make_key("cache", permissions=["settings.read", "settings.manage"])
        installation.extra |= {"PORTICO_URL": installation.url, "PORTICO_KEY": key}

        assert family(owner)["entries"] > 0
        forgotten = json.loads(installation.run("cache", "forget", FAMILY, "--json").stdout)
        assert forgotten["forgotten"] == [FAMILY]
        misses = family(owner)["misses"]
        assert len(names(owner)) == 3
        assert family(owner)["misses"] > misses
        assert FAMILY in installation.run("cache", "show").stdout
        trail = [each["action"] for each in owner.get("/audit")["items"]]
        assert "cache.forget" in trail


@pytest.mark.drill
@pytest.mark.req("HY22")
def test_a_time_of_zero_turns_a_family_off(installation: Installation) -> None:
    assert installation.stop() == 0
    installation.extra["PORTICO_CACHE_SERVICE_SUMMARIES_TTL_S"] = "0"
    installation.start()
    with installation.signed_in() as owner:
        for _ in range(3):
            names(owner)
        assert (family(owner)["hits"], family(owner)["entries"], family(owner)["ttl_s"]) == (0, 0, 0)
