"""A webhook that is paused while Portico is renewed is not sent what happened during the pause."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, text

from portico.domains.webhooks import store
from portico.domains.webhooks.model import Silence
from portico.kernel.ids import OrgId
from portico.kernel.scope import SYSTEM, PlatformScope
from portico.platform import migrate
from portico.platform.bus import LocalBus
from portico.platform.db import metadata, open_database
from portico.platform.sections import Sealed
from portico.platform.settings import Settings
from tests.conftest import load_every_table

ORG = OrgId("org_a")
STATUSES = ("active", "paused", "disabled")


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


def fill(connection: Connection) -> None:
    """One of each status, as the table of 0013 held them."""
    texts = {"org_id": ORG, "scope": "ENTERPRISE", "url": "https://hooks.example/in", "description": "", "hint": "x"}
    for status in STATUSES:
        connection.execute(
            text(
                "INSERT INTO webhooks (id, org_id, scope, name, url, description, status, kinds, services, templates, "
                "headers, secret_sealed, secret_hint, secret_version, created_at, updated_at) VALUES "
                "(:status, :org_id, :scope, :status, :url, :description, :status, '[\"*\"]', '[]', '[]', '[]', "
                ":sealed, :hint, 1, 0, 0)"
            ),
            {**texts, "status": status, "sealed": b"x"},
        )


async def silences(settings: Settings) -> dict[str, tuple[Silence, ...]]:
    database = open_database(settings, LocalBus())
    try:
        async with database.read() as tx:
            return {each.name: each.silences for each in await store.endpoints_in(tx, PlatformScope(SYSTEM), [ORG])}
    finally:
        await database.close()


async def test_what_took_nothing_then_listens_from_when_it_is_resumed(engine_url: str, settings: Settings) -> None:
    load_every_table()
    settings = replace(settings, database=replace(settings.database, url=Sealed(engine_url)))
    await run(settings, wipe)
    await migrate.upgrade_database(settings, "0013")
    await run(settings, fill)
    await migrate.upgrade_database(settings)
    closed = (Silence(0, None),)
    assert await silences(settings) == {"active": (), "paused": closed, "disabled": closed}
    await migrate.downgrade_database(settings, "0013")
    await migrate.upgrade_database(settings)
    assert await silences(settings) == {"active": (), "paused": closed, "disabled": closed}
