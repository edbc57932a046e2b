"""A key that ends soon is told in time, once."""

import pytest

from portico.domains.notices import public as notices
from portico.domains.notices import service
from portico.domains.tenancy import public as tenancy
from portico.kernel.clock import ManualClock
from portico.kernel.paging import PageAsk
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from tests.consumers.conftest import run
from tests.notices.test_notices import person

DAY_S = 86_400


@pytest.fixture
async def inside(deps: Deps) -> OrgScope:
    await run(deps, notices.TellPeople())
    seeded = await tenancy.seed_owner(deps, "Acme", "acme", "o@acme.example", "Owner", "a long enough password")
    return tenancy.open_system_scope(seeded.org_id)


async def make(deps: Deps, inside: OrgScope, name: str, days: int | None) -> None:
    expires_in = None if days is None else f"{days}d"
    await tenancy.create_key(inside, tenancy.KeyDraft(name, ("services.read",), expires_in=expires_in), deps)


async def told(deps: Deps, inside: OrgScope) -> list[str]:
    await tenancy.tell_expiring_keys(tenancy.platform_scope(), deps)
    await run(deps, notices.TellPeople())
    reader = person("admin", org_id=inside.org_id)
    page = await service.list_notices(reader, False, PageAsk(100), deps)
    return sorted(each.title for each in page.items if each.kind == "key.expiring")


async def test_a_key_is_told_a_week_before_its_end_and_once(deps: Deps, inside: OrgScope, clock: ManualClock) -> None:
    await make(deps, inside, "nightly", 30)
    await make(deps, inside, "for good", None)
    await make(deps, inside, "for a day", 1)
    clock.advance(seconds=22 * DAY_S)
    assert await told(deps, inside) == []
    clock.advance(seconds=2 * DAY_S)
    assert await told(deps, inside) == ["The key nightly expires soon"]
    clock.advance(seconds=DAY_S)
    assert await told(deps, inside) == ["The key nightly expires soon"]
    clock.advance(seconds=10 * DAY_S)
    assert await told(deps, inside) == ["The key nightly expires soon"]


async def test_every_key_is_told_however_many_there_are(
    deps: Deps, inside: OrgScope, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portico.domains.tenancy.service.expiry._BATCH", 2)
    for number in range(5):
        await make(deps, inside, f"key-{number}", 30)
    clock.advance(seconds=25 * DAY_S)
    assert await told(deps, inside) == [f"The key key-{number} expires soon" for number in range(5)]
