import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from portico.domains.events import public as events
from portico.kernel.ids import OrgId
from portico.kernel.scope import ENTERPRISE, SYSTEM, OrgScope
from portico.platform.deps import Deps

KIND = events.declare("test.written.v1", "A number was written.", about="number", fields={"number": int})
SCOPE = OrgScope(OrgId("org_a"), ENTERPRISE, SYSTEM, frozenset())


async def count(deps: Deps) -> int:
    async with deps.read() as tx:
        return int((await tx.execute(text("SELECT count(*) FROM events"))).scalar_one())


async def write(deps: Deps, number: int) -> None:
    async with deps.uow() as tx:
        await events.record(tx, SCOPE, kind=KIND, payload={"number": number})


async def test_several_reads_of_one_transaction_see_the_same_moment(deps: Deps) -> None:
    await write(deps, 1)
    query = text("SELECT count(*) FROM events")
    async with deps.read() as tx:
        first = (await tx.execute(query)).scalar_one()
        await write(deps, 2)
        assert (await tx.execute(query)).scalar_one() == first == 1
    assert await count(deps) == 2


async def test_many_writers_at_once_all_get_through(deps: Deps) -> None:
    await asyncio.gather(*(write(deps, number) for number in range(30)))
    assert await count(deps) == 30


async def test_a_failed_statement_does_not_show_what_was_bound_to_it(deps: Deps) -> None:
    with pytest.raises(DBAPIError) as failed:
        async with deps.read() as tx:
            await tx.execute(text("SELECT missing FROM nowhere WHERE word = :word"), {"word": "hunter2"})
    assert "hunter2" not in str(failed.value)


async def test_the_database_answers_a_ping(deps: Deps) -> None:
    await deps.db.ping()
    await deps.db.wait_until_up(1)
