"""What was under way before 0008 is settled after it, and calls keep their correlation ids there and back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, text

from portico.domains.usage import store, store_journal
from portico.domains.usage.model import Charge
from portico.domains.usage.record import CallFilter
from portico.kernel.scope import SYSTEM, PlatformScope
from portico.platform import migrate
from portico.platform.bus import LocalBus
from portico.platform.db import metadata, open_database
from portico.platform.sections import Sealed
from portico.platform.settings import Settings
from tests.conftest import load_every_table
from tests.usage.journals import NOON_US, ORG, call, reader, reservation

UNDER_WAY = reservation(call(id="call_9", correlation_id="req-9", model="größe"), (Charge("bud_1", 5, 7, 0),))
# As the gateway wrote it, but for what was left out because it is the default.
WRITTEN = {name: getattr(UNDER_WAY, name) for name in UNDER_WAY.__struct_fields__}
WRITTEN |= {"t": "reserve", "charges": [["bud_1", 5, 7, 0]]}
CORRELATIONS = {"call_1": "req-1", "call_2": "brought"}


@pytest.fixture
def engine_url(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_spare"))
    return f"sqlite+aiosqlite:///{tmp_path}/portico.db"


async def run(settings: Settings, work: Any) -> Any:
    database = open_database(settings, LocalBus())
    try:
        async with database.sqlalchemy.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await database.close()


def wipe(connection: Connection) -> None:
    metadata.drop_all(connection)
    connection.execute(text("DROP TABLE IF EXISTS alembic_version"))


def put(connection: Connection, table: str, **values: Any) -> None:
    marks = ", ".join(f":{name}" for name in values)
    connection.execute(text(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"), values)


def fill(connection: Connection) -> None:
    words = ("principal_id", "principal_name", "service_id", "service", "service_kind")
    numbers = ("status", "duration_us", "added_us", "tokens_in", "tokens_out", "cost_microusd")
    shared = {"org_id": ORG, "scope": "ENTERPRISE", "verdict": "allowed", "at": NOON_US, "details": b"[]"}
    for call_id, correlation_id in CORRELATIONS.items():
        rest = dict.fromkeys(words, "x") | dict.fromkeys(numbers, 0)
        put(connection, "calls", id=call_id, correlation_id=correlation_id, **shared, **rest)
    place = {"gateway_id": "gw-1", "epoch": "e1", "org_id": ORG, "scope": "ENTERPRISE", "at": NOON_US}
    put(connection, "open_reservations", call_id="call_9", line=json.dumps(WRITTEN).encode(), **place)


def held(connection: Connection) -> Any:
    return json.loads(connection.execute(text("SELECT line FROM open_reservations")).scalar_one())


def correlations(connection: Connection) -> Any:
    return {row.id: row.correlation_id for row in connection.execute(text("SELECT id, correlation_id FROM calls"))}


async def test_what_was_under_way_is_settled_and_calls_are_found(engine_url: str, settings: Settings) -> None:
    load_every_table()
    settings = replace(settings, database=replace(settings.database, url=Sealed(engine_url)))
    await run(settings, wipe)
    await migrate.upgrade_database(settings, "0007")
    await run(settings, fill)
    await migrate.upgrade_database(settings)
    await run(
        settings,
        lambda connection: connection.execute(text("UPDATE calls SET correlation_id = '' WHERE id = 'call_1'")),
    )
    await migrate.downgrade_database(settings, "0007")
    assert await run(settings, held) == WRITTEN
    assert await run(settings, correlations) == CORRELATIONS
    await migrate.upgrade_database(settings)
    database = open_database(settings, LocalBus())
    async with database.write() as tx:
        assert await store_journal.take_reservations(tx, PlatformScope(SYSTEM), ["call_9"]) == [UNDER_WAY]
        for call_id, words in CORRELATIONS.items():
            [found] = await store.list_calls(tx, reader(), CallFilter(words=words), None, 5)
            assert (found.line.id, found.line.correlation_id) == (call_id, words)
    await database.close()
