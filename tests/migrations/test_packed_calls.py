"""Calls recorded before 0002 are the same calls after it, and after going back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, text

from portico.domains.usage import store
from portico.domains.usage.model import Charge, Stage
from portico.platform import migrate
from portico.platform.bus import LocalBus
from portico.platform.db import metadata, open_database
from portico.platform.sections import Sealed
from portico.platform.settings import Settings
from tests.conftest import load_every_table
from tests.usage.journals import call, reader

COUNT = 5


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


def written(number: int) -> Any:
    return call(
        id=f"call_{number}",
        model="größe" if number % 2 else None,
        canary=number == 3,
        endpoint_id="end_1",
        first_byte_us=number or None,
        bytes_out=2**40,
        trace="4bf92f3577b34da6a3ce929d0e0e4736",
        charges=(Charge("bud_1", 5, 7, 3),),
        stages=(Stage("identify", 0, 12, 'a "note"'),),
    )


def fill(connection: Connection) -> None:
    """As the tables of 0001 held them."""
    lists = ("charges", "stages")
    for number in range(COUNT):
        line = written(number)
        values = {name: getattr(line, name) for name in line.__struct_fields__ if name not in (*lists, "at_us")}
        values |= {
            "at": line.at_us,
            "trace_id": values.pop("trace"),
            "charges": '[["bud_1", 5, 7, 3]]',
            "stages": json.dumps([["identify", 0, 12, 'a "note"']]),
        }
        names = ", ".join(values)
        marks = ", ".join(
            f"CAST(:{name} AS {'JSONB' if connection.dialect.name == 'postgresql' else 'TEXT'})"
            if name in lists
            else f":{name}"
            for name in values
        )
        connection.execute(text(f"INSERT INTO calls ({names}) VALUES ({marks})"), values)


def all_rows(connection: Connection) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(text("SELECT * FROM calls ORDER BY position"))]


async def test_calls_survive_up_and_down(engine_url: str, settings: Settings) -> None:
    load_every_table()
    settings = replace(settings, database=replace(settings.database, url=Sealed(engine_url)))
    await run(settings, wipe)
    await migrate.upgrade_database(settings, "0001")
    await run(settings, fill)
    before = await run(settings, all_rows)
    await migrate.upgrade_database(settings)
    database = open_database(settings, LocalBus())
    async with database.read() as tx:
        for number in range(COUNT):
            found = await store.find_call(tx, reader(), f"call_{number}")
            assert found is not None
            assert found.line == written(number)
            assert found.position == before[number]["position"]
    await database.close()
    await migrate.downgrade_database(settings, "0001")
    after = await run(settings, all_rows)
    for row in (*before, *after):
        row["charges"], row["stages"] = (
            json.loads(row[name]) if isinstance(row[name], str) else row[name] for name in ("charges", "stages")
        )
    assert after == before
    await migrate.upgrade_database(settings)
