"""Two whole installations on one PostgreSQL and one Redis, as behind a load balancer: each with its own gateway and control."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest

from tests import postgres_server
from tests.installation import Installation, Owner, sample
from tests.redis_server import running_redis

pytestmark = pytest.mark.drill
PATIENCE_S = 15.0
ROUNDS = 6
Pair = tuple[Installation, Installation]


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    server = postgres_server.find()
    if not server or "postgresql" not in request.config.getoption("--engines"):
        pytest.skip("two installations share a PostgreSQL, which is missing or left out")
    folder = tmp_path_factory.mktemp("pair")
    with postgres_server.borrow_database(server) as url, running_redis() as redis, ExitStack() as stack:
        shared = {"PORTICO_REDIS_URL": redis.url, "PORTICO_SERVER_DRAIN_S": "3"}
        first = Installation(folder / "one", database_url=url, extra={**shared, "PORTICO_GATEWAY_ID": "gateway-one"})
        second = Installation(folder / "two", database_url=url, extra={**shared, "PORTICO_GATEWAY_ID": "gateway-two"})
        first.prepare()
        second.data_dir.mkdir(parents=True)
        for each in (first, second):
            stack.callback(each.kill_everything)
            each.start()
        with first.signed_in() as owner, sample("inventory_service.py") as upstream:
            owner.make("/services", name="inventory", kind="http", url=upstream)
            yield first, second


def call(installation: Installation, secret: str) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx2.get(f"{installation.url}/svc/inventory/health", headers=headers, timeout=10)


def wait_until(installation: Installation, secret: str, status: int) -> float:
    """Seconds until calls are answered so."""
    began = time.monotonic()
    while call(installation, secret).status_code != status:
        assert time.monotonic() - began < PATIENCE_S, f"no {status} within {PATIENCE_S:g} s:\n{installation.log()}"
        time.sleep(0.02)
    return time.monotonic() - began


def names(owner: Owner) -> list[str]:
    return [each["name"] for each in owner.get("/services", kind="http")["items"]]


@pytest.mark.req("SP22", "SS27")
def test_what_is_changed_at_one_holds_at_the_other(pair: Pair) -> None:
    first, second = pair
    draft = {"name": "bot", "permissions": ["services.read", "services.call"]}
    with first.signed_in() as here, second.signed_in() as there:
        assert names(there) == ["inventory"]
        here.make("/services", name="second", kind="http", url="http://127.0.0.1:9")
        assert names(there) == ["inventory", "second"], "the list that was kept is forgotten everywhere"
        waited_s = 0.0
        for _ in range(ROUNDS):
            key = here.make("/keys", **draft)
            waited_s += wait_until(second, key["secret"], 200)
            here.make(f"/keys/{key['id']}/revoke")
            waited_s += wait_until(second, key["secret"], 401)
        # By its timer alone the other would look every five seconds.
        assert waited_s / (2 * ROUNDS) < 1.5


@pytest.mark.req("SP22")
def test_each_keeps_the_record_of_its_own_gateway_and_both_show_all(pair: Pair) -> None:
    first, second = pair
    with first.signed_in() as here, second.signed_in() as there:
        secret = here.make_key()
        made = set()
        for each in (first, second):
            wait_until(each, secret, 200)
            made |= {call(each, secret).headers["x-portico-call"] for _ in range(5)}
        # The second's start must not have taken the first's journal for that of an earlier life of its own.
        for owner in (here, there):
            owner.wait_for(lambda owner=owner: made <= {each["id"] for each in recent(owner)}, "the calls of both")


def recent(owner: Owner) -> list[dict[str, str]]:
    found: list[dict[str, str]] = owner.get("/calls", page_size=100)["items"]
    return found
