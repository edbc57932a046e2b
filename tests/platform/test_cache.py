"""The cache of reads: shared only by those who see the same, forgotten at a write, never kept past its time."""

import ast
import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.exposition import generate_latest

import portico
from portico.domains.tenancy import public as tenancy
from portico.kernel.ids import OrgId
from portico.kernel.paging import Page
from portico.kernel.scope import OrgScope
from portico.platform.cache import MAX_VALUE_BYTES, USED_FAMILIES, MemoryStore, ReadCache, Store
from portico.platform.redis_cache import REST_S, Breaker, RedisStore
from portico.platform.redis_link import open_redis
from portico.platform.sections import CacheSettings
from portico.platform.settings import load_settings
from portico.platform.telemetry import Metrics
from tests.redis_server import RedisServer

ACME, GLOBEX = tenancy.open_system_scope(OrgId("org_acme")), tenancy.open_system_scope(OrgId("org_globex"))
SOURCE = Path(portico.__file__).parent
# Who may read through the cache, and which family. A new line here is a decision: nothing that decides who may do what, or
# how much is left, may ever be one.
CALLERS = {
    ("domains/hub/service.py", "list_services", "service_summaries"),
    ("domains/hub/search.py", "search_services", "service_summaries"),
    ("domains/tenancy/service/scopes.py", "list_scopes", "org_settings"),
    # What calls came to, for pages that are looked at; what is left of a budget is not among it.
    ("domains/usage/service.py", "analyse_calls", "dashboards"),
    ("domains/usage/service.py", "trace_series", "dashboards"),
    ("domains/usage/overview.py", "_figures", "dashboards"),
}


class Seconds:
    """A clock of seconds, set by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Source:
    """What lies behind the cache; counts how often it is really asked."""

    answer: str = "old"
    asked: int = 0

    async def load(self) -> str:
        self.asked += 1
        return self.answer


async def read(cache: ReadCache, source: Source, scope: OrgScope = ACME, asked: object = "all") -> str:
    return await cache.read("service_summaries", scope, asked, str, source.load)


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    opened: Store
    if request.param == "memory":
        opened = MemoryStore(1_000_000)
    else:
        opened = RedisStore(open_redis(request.getfixturevalue("redis_server").url))
    yield opened
    await opened.close()


@pytest.fixture
async def two_processes(redis_server: RedisServer) -> AsyncIterator[tuple[ReadCache, ReadCache]]:
    stores = [RedisStore(open_redis(redis_server.url)) for _ in range(2)]
    yield ReadCache(stores[0]), ReadCache(stores[1])
    for each in stores:
        await each.close()


# -- the contract of both stores ---------------------------------------------------------------------------------------


@pytest.mark.req("SS27", "R-DATA-007")
async def test_a_write_makes_the_next_read_a_real_one(store: Store) -> None:
    cache, source = ReadCache(store), Source()
    assert [await read(cache, source) for _ in range(3)] == ["old"] * 3
    assert source.asked == 1
    source.answer = "new"
    await cache.forget(ACME.org_id, "service_summaries")
    assert await read(cache, source) == "new"
    assert await read(cache, source) == "new"
    assert source.asked == 2


@pytest.mark.req("SS27")
async def test_what_was_read_before_a_write_is_not_used_after_it(store: Store) -> None:
    cache, began, go_on = ReadCache(store), asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        began.set()
        await go_on.wait()
        return "old"

    reading = asyncio.create_task(cache.read("service_summaries", ACME, "all", str, slow))
    await began.wait()
    await cache.forget(ACME.org_id, "service_summaries")
    go_on.set()
    assert await reading == "old"
    assert await read(cache, Source("new")) == "new"


@pytest.mark.req("SS27", "SS2")
async def test_nothing_is_shared_between_orgs_scopes_families_or_questions(store: Store) -> None:
    cache = ReadCache(store)
    development = tenancy.open_system_scope(ACME.org_id, "DEVELOPMENT")
    places: list[tuple[OrgScope, object]] = [
        (scope, asked) for scope in (ACME, development, GLOBEX) for asked in ("all", ("all",), ("a", 1), ("a", "1"))
    ]
    for number, (scope, asked) in enumerate(places):
        assert await read(cache, Source(str(number)), scope, asked) == str(number)
    for number, (scope, asked) in enumerate(places):
        assert await read(cache, Source("read anew"), scope, asked) == str(number)
    source = Source("of another family")
    assert await cache.read("dashboards", ACME, "all", str, source.load) == source.answer


@pytest.mark.req("SS27", "SS2")
async def test_a_write_in_one_org_or_family_leaves_the_others_alone(store: Store) -> None:
    cache = ReadCache(store)
    for scope in (ACME, GLOBEX):
        await read(cache, Source("old"), scope)
    await cache.read("dashboards", ACME, "all", str, Source("old").load)
    await cache.forget(ACME.org_id, "service_summaries")
    assert await read(cache, Source("new"), ACME) == "new"
    assert await read(cache, Source("new"), GLOBEX) == "old"
    assert await cache.read("dashboards", ACME, "all", str, Source("new").load) == "old"


async def test_a_failed_read_is_not_kept(store: Store) -> None:
    cache = ReadCache(store)

    async def fail() -> str:
        raise OSError("the database is away")

    with pytest.raises(OSError, match="away"):
        await cache.read("service_summaries", ACME, "all", str, fail)
    assert await read(cache, Source("here")) == "here"


async def test_sets_are_the_same_question_in_any_order(store: Store) -> None:
    cache, names = ReadCache(store), [f"permission.{number}" for number in range(50)]
    await read(cache, Source("kept"), asked=frozenset(names))
    assert await read(cache, Source("read anew"), asked=frozenset(reversed(names))) == "kept"


@dataclass(frozen=True, slots=True)
class Thing:
    id: OrgId
    at: datetime | None
    parts: tuple["Thing", ...] = ()


async def test_an_answer_comes_back_as_it_was(store: Store) -> None:
    cache, at = ReadCache(store), datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    page = Page([Thing(OrgId("org_a"), at, (Thing(OrgId("org_b"), None),))], 1, 20, None, "next")

    async def load() -> Page[Thing]:
        return page

    first, again = [await cache.read("service_summaries", ACME, "page", Page[Thing], load) for _ in range(2)]
    assert first is page
    assert again == page
    assert again is not page, "what is kept cannot be changed by who was given it"


async def test_nothing_is_an_answer_too(store: Store) -> None:
    cache, asked = ReadCache(store), 0

    async def load() -> str | None:
        nonlocal asked
        asked += 1
        return None

    for _ in range(2):
        assert await cache.read("service_summaries", ACME, "who", str | None, load) is None  # type: ignore[arg-type]
    assert asked == 1


async def test_an_answer_that_is_too_large_is_given_and_not_kept(store: Store) -> None:
    cache, source = ReadCache(store), Source("x" * MAX_VALUE_BYTES)
    assert [len(await read(cache, source)) for _ in range(2)] == [MAX_VALUE_BYTES] * 2
    assert source.asked == 2


async def test_what_another_version_wrote_is_read_anew(store: Store) -> None:
    cache = ReadCache(store)
    await cache.read("service_summaries", ACME, "all", str, Source("a text").load)

    async def count() -> int:
        return 7

    assert await cache.read("service_summaries", ACME, "all", int, count) == 7
    assert cache.numbers["service_summaries"].errors == 1


async def test_the_entries_of_one_org_are_counted(store: Store) -> None:
    cache = ReadCache(store)
    for asked in ("a", "b"):
        await read(cache, Source(), ACME, asked)
    await read(cache, Source(), GLOBEX)
    assert await cache.count(ACME.org_id, "service_summaries") == 2
    assert await cache.count(ACME.org_id, "dashboards") == 0


# -- time and room -----------------------------------------------------------------------------------------------------


@pytest.mark.req("SS27", "HY22")
async def test_nothing_outlives_its_time() -> None:
    seconds, source = Seconds(), Source()
    cache = ReadCache(MemoryStore(1_000_000, seconds), now_s=seconds)
    await read(cache, source)
    seconds.now += 14.9
    await read(cache, source)
    assert source.asked == 1
    seconds.now += 0.2
    await read(cache, source)
    assert source.asked == 2


@pytest.mark.req("SS27", "SP22")
async def test_redis_itself_ends_what_is_kept(redis_server: RedisServer) -> None:
    redis = open_redis(redis_server.url)
    cache = ReadCache(RedisStore(redis), CacheSettings(service_summaries_ttl_s=12))
    await read(cache, Source())
    lives_ms = {key: await redis.pttl(key) for key in await redis.keys("*")}
    kept = [life for key, life in lives_ms.items() if not key.endswith(b":mark")]
    assert len(kept) == 1
    assert 0 < kept[0] <= 12_000
    assert all(life > 0 for life in lives_ms.values()), "a key without an end would fill Redis"
    assert all(key.startswith(b"portico:development:org_acme:") for key in lives_ms)
    await redis.aclose()


async def test_the_least_recently_used_goes_first_when_the_memory_is_full() -> None:
    # Room for two entries, with their keys and what an entry costs.
    cache, entries = ReadCache(MemoryStore(900)), [Source() for _ in range(3)]
    for number in (0, 1, 0, 2, 0, 1):
        await read(cache, entries[number], asked=number)
    assert [each.asked for each in entries] == [1, 2, 1]


@pytest.mark.req("SS27", "HY22")
async def test_the_times_are_settings() -> None:
    environ = {"PORTICO_CACHE_SERVICE_SUMMARIES_TTL_S": "3", "PORTICO_CACHE_DASHBOARDS_TTL_S": "0"}
    cache = ReadCache(None, load_settings(environ).settings.cache)
    assert cache.ttl_s == {
        "templates": 60,
        "session_summaries": 15,
        "service_summaries": 3,
        "org_settings": 300,
        "dashboards": 0,
    }
    source = Source()
    for _ in range(2):
        await cache.read("dashboards", ACME, "all", str, source.load)
    assert source.asked == 2, "a family with no time is not kept at all"


@pytest.mark.req("SS27", "HY22")
async def test_hits_misses_errors_and_ages_are_told() -> None:
    seconds, metrics = Seconds(), Metrics()
    cache = ReadCache(MemoryStore(1_000_000, seconds), now_s=seconds)
    metrics.watch_cache(cache)
    for pause_s in (0, 0.05, 4):
        seconds.now += pause_s
        await read(cache, Source())
    told = generate_latest(metrics.registry).decode()
    for line in (
        'cache_hits_total{family="service_summaries"} 2.0',
        'cache_misses_total{family="service_summaries"} 1.0',
        'cache_errors_total{family="service_summaries"} 0.0',
        'cache_hit_age_seconds_bucket{family="service_summaries",le="0.1"} 1.0',
        'cache_hit_age_seconds_bucket{family="service_summaries",le="5.0"} 2.0',
        'cache_hit_age_seconds_bucket{family="service_summaries",le="+Inf"} 2.0',
        'cache_hit_age_seconds_count{family="service_summaries"} 2.0',
    ):
        assert line in told


# -- several processes -------------------------------------------------------------------------------------------------


@pytest.mark.req("SS27", "SP22", "R-DATA-007")
async def test_a_write_in_one_process_is_a_real_read_in_the_other(two_processes: tuple[ReadCache, ReadCache]) -> None:
    here, there = two_processes
    await read(here, Source("old"))
    assert await read(there, Source("not asked")) == "old"
    await here.forget(ACME.org_id, "service_summaries")
    assert await read(there, Source("new")) == "new"
    assert await read(here, Source("not asked")) == "new"


@pytest.mark.req("SP22")
async def test_what_redis_evicts_or_loses_is_read_anew(
    two_processes: tuple[ReadCache, ReadCache], redis_server: RedisServer
) -> None:
    here, there = two_processes
    await read(here, Source("old"))
    redis = open_redis(redis_server.url)
    marks = await redis.keys("*:mark")
    assert len(marks) == 1
    # The value outlives its mark; a new mark must not bring it back to life.
    await redis.delete(*marks)
    assert await read(there, Source("new")) == "new"
    assert await read(here, Source("not asked")) == "new"
    await redis.aclose()


@pytest.mark.req("SS27", "SP22")
async def test_without_redis_reads_go_to_the_source_and_redis_is_left_alone(redis_server: RedisServer) -> None:
    seconds = Seconds()
    store = RedisStore(open_redis(redis_server.url), Breaker(seconds))
    cache, source = ReadCache(store), Source()
    redis_server.stop()
    for _ in range(50):
        assert await read(cache, source) == "old"
    numbers = cache.numbers["service_summaries"]
    assert (source.asked, numbers.misses, numbers.errors) == (50, 50, 5), "after five errors nobody asks Redis any more"
    seconds.now += REST_S + 0.1
    for _ in range(50):
        await read(cache, source)
    assert numbers.errors == 6, "one read tries whether it is back"
    redis_server.start()
    seconds.now += REST_S + 0.1
    before = source.asked
    for _ in range(5):
        await read(cache, source)
    assert source.asked == before + 1
    await store.close()


@pytest.mark.req("SP22")
async def test_a_write_while_redis_is_away_is_told_when_it_is_back(redis_server: RedisServer) -> None:
    seconds = Seconds()
    store = RedisStore(open_redis(redis_server.url, answer_s=0.05), Breaker(seconds))
    other = RedisStore(open_redis(redis_server.url))
    here, there = ReadCache(store), ReadCache(other)
    await read(here, Source("old"))
    # Frozen, it keeps what it holds, as it would behind a network that is cut.
    redis_server.freeze()
    await here.forget(ACME.org_id, "service_summaries")
    assert await read(here, Source("new")) == "new"
    redis_server.thaw()
    seconds.now += REST_S + 0.1
    assert await read(here, Source("new")) == "new"
    assert await read(there, Source("not asked")) == "new"
    await store.close()
    await other.close()


async def test_a_slow_redis_holds_no_read_up_for_long(redis_server: RedisServer) -> None:
    store = RedisStore(open_redis(redis_server.url, answer_s=0.02))
    cache, source = ReadCache(store), Source()
    await read(cache, source)
    redis_server.freeze()
    async with asyncio.timeout(2):
        answers = [await read(cache, Source("from the source")) for _ in range(100)]
    assert answers == ["from the source"] * 100
    redis_server.thaw()
    await store.close()


def test_one_read_at_a_time_tries_a_store_that_failed() -> None:
    seconds = Seconds()
    breaker = Breaker(seconds)
    for _ in range(5):
        assert breaker.admits()
        breaker.failed(OSError())
    assert not breaker.admits()
    seconds.now += REST_S
    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert [breaker.admits() for _ in range(3)] == [True] * 3


# -- who reads through it ----------------------------------------------------------------------------------------------


def reads_of(path: Path) -> list[tuple[str, str, str]]:
    """(file, function, family) of every `….cache.read(…)` in a file."""
    found = []
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("cache.read"):
                family = ast.literal_eval(call.args[0])
                found.append((str(path.relative_to(SOURCE)), function.name, family))
    return found


def forgets_of(path: Path) -> list[str]:
    """The families of every `tx.forget(org, family)` in a file of a domain."""
    if "domains" not in path.parts:
        return []
    return [
        ast.literal_eval(call.args[1])
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "tx.forget"
    ]


@pytest.mark.req("SS27")
def test_only_listed_reads_go_through_the_cache() -> None:
    found = {each for path in SOURCE.rglob("*.py") for each in reads_of(path)}
    assert found == CALLERS
    assert {family for _, _, family in found} == USED_FAMILIES
    forgotten = {family for path in SOURCE.rglob("*.py") for family in forgets_of(path)}
    assert forgotten == USED_FAMILIES, "what is read through the cache is forgotten by those who write it"


@pytest.mark.req("SS27")
def test_nothing_that_decides_goes_through_the_cache() -> None:
    """Limits, secrets, identities and the gateway's configuration are read from the truth alone."""
    deciding = ("domains/limits/", "domains/vault/", "domains/routing/", "domains/audit/", "gateway/", "api/identify")
    assert not [each for each in CALLERS if each[0].startswith(deciding)]
    of_tenancy = {each for each in CALLERS if each[0].startswith("domains/tenancy/")}
    assert of_tenancy == {("domains/tenancy/service/scopes.py", "list_scopes", "org_settings")}
    users = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if ".list_scopes(" in path.read_text() and "scope_verbs.list_scopes" in path.read_text()
    }
    assert users == {"domains/tenancy/routes/orgs.py"}, "the kept list of scopes is shown, and decides nothing"
