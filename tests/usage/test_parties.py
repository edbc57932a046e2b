"""Whom calls share is kept once for all of them, for as long as one of them is kept."""

from sqlalchemy import select

from portico.domains.usage import service
from portico.domains.usage.fold import fold_journals
from portico.domains.usage.model import CallLine
from portico.domains.usage.record import CallFilter
from portico.domains.usage.tables import call_parties
from portico.kernel.clock import ManualClock
from portico.kernel.paging import PageAsk
from portico.kernel.scope import DEVELOPMENT, SYSTEM, OrgScope, PlatformScope
from portico.platform.deps import Deps
from tests.usage.journals import NOON_US, ORG, OTHER_ORG, append, call, lines, reader

DAYS_US = 86_400_000_000


async def fold(deps: Deps, *found: CallLine) -> None:
    append(deps.settings.data_dir / "journal", lines(*found))
    await fold_journals(deps)


async def names(deps: Deps) -> list[tuple[str, str, str]]:
    columns = call_parties.c
    async with deps.read() as tx:
        rows = await tx.execute(select(columns.org_id, columns.scope, columns.service))
        return sorted((row.org_id, row.scope, row.service) for row in rows)


async def listed(deps: Deps, scope: OrgScope, **wanted: str) -> list[tuple[str, str]]:
    page = await service.list_calls(scope, CallFilter(**wanted), PageAsk(), deps)  # type: ignore[arg-type]
    return sorted((record.line.service, record.line.principal_name) for record in page.items)


async def test_the_same_parties_are_kept_once(deps: Deps) -> None:
    await fold(deps, call(), call(), call(service="other"))
    await fold(deps, call(), call(service="other"), call(principal_name="renamed"))
    assert await names(deps) == [(ORG, "ENTERPRISE", "inventory")] * 2 + [(ORG, "ENTERPRISE", "other")]
    assert (
        await listed(deps, reader(), service="inventory")
        == [("inventory", "renamed")] + [("inventory", "support-bot")] * 3
    )


async def test_names_of_one_org_and_scope_are_not_those_of_another(deps: Deps) -> None:
    await fold(deps, call(), call(org_id=OTHER_ORG, principal_name="theirs"), call(scope=DEVELOPMENT))
    assert len(await names(deps)) == 3
    assert await listed(deps, reader(), service="inventory", principal_id="key_1") == [("inventory", "support-bot")]
    assert await listed(deps, reader(OTHER_ORG), service="inventory") == [("inventory", "theirs")]


async def test_a_name_of_any_length_is_kept(deps: Deps) -> None:
    long = "n" * 100_000
    await fold(deps, call(principal_name=long), call(principal_name=long + "x"))
    assert [name for _, name in await listed(deps, reader())] == [long, long + "x"]


async def test_parties_go_with_the_last_of_their_calls(deps: Deps, clock: ManualClock) -> None:
    late_us = NOON_US + 40 * DAYS_US
    await fold(deps, call(service="gone"))
    await fold(deps, call(service="both"), call(service="both", at_us=late_us))
    await fold(deps, call(service="late", at_us=late_us))
    clock.advance(seconds=45 * 86_400)
    assert await service.purge_calls(PlatformScope(SYSTEM), deps) == 2
    assert [kept for _, _, kept in await names(deps)] == ["both", "late"]
    assert [found for found, _ in await listed(deps, reader())] == ["both", "late"]
    await fold(deps, call(service="gone", at_us=late_us))
    assert [found for found, _ in await listed(deps, reader())] == ["both", "gone", "late"]
