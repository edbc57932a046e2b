"""Notices at the management door, as a browser and the command line meet them."""

import httpx2
import pytest
from argon2 import PasswordHasher

from portico.domains.events import public as events
from portico.domains.notices import public as notices
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.service import passwords as password_work
from portico.platform.deps import Deps
from tests.consumers.conftest import run
from tests.isolation.two_orgs import PASSWORD, Person, sign_in

ENGINES = ("sqlite",)


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm at the least cost."""
    monkeypatch.setattr(password_work.passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
async def owner(deps: Deps, client: httpx2.AsyncClient) -> Person:
    """Of an org whose budget has just run out."""
    await run(deps, notices.TellPeople())
    seeded = await tenancy.seed_owner(deps, "Acme", "acme", "o@acme.example", "Owner", PASSWORD)
    payload = {"budget_id": "bud_1", "name": "daily", "measure": "money", "limit": 100, "used": 100}
    payload |= {"used_percent": 100.0, "resets_at": "2026-01-02T00:00:00+00:00"}
    async with deps.uow() as tx:
        inside = tenancy.open_system_scope(seeded.org_id)
        await events.record(tx, inside, kind="budget.exhausted.v1", payload=payload)
    await run(deps, notices.TellPeople())
    return await sign_in(client, "o@acme.example")


async def test_a_person_reads_their_notices(owner: Person) -> None:
    (notice,) = (await owner.get_done("GET", "/notices?unread=true"))["items"]
    assert set(notice) == {"id", "severity", "title", "text", "link", "kind", "subject", "at", "read"}
    assert (notice["severity"], notice["title"], notice["read"]) == ("error", "The budget daily is used up", False)
    assert await owner.get_done("GET", "/notices/count") == {"unread": 1}
    assert (await owner.ask("POST", f"/notices/{notice['id']}/read")).status_code == 204
    assert await owner.get_done("GET", "/notices/count") == {"unread": 0}
    assert (await owner.get_done("GET", "/notices?unread=true"))["items"] == []
    assert (await owner.get_done("GET", "/notices"))["items"] == [notice | {"read": True}]


async def test_all_are_read_at_once(owner: Person) -> None:
    assert (await owner.ask("POST", "/notices/read-all")).status_code == 204
    assert await owner.get_done("GET", "/notices/count") == {"unread": 0}
    assert (await owner.ask("POST", "/notices/ntc_nothing/read")).status_code == 404


async def test_a_key_has_no_notices(owner: Person, client: httpx2.AsyncClient) -> None:
    made = await owner.get_done("POST", "/keys", {"name": "bot", "permissions": ["budgets.read"]})
    bot = Person(client, made["secret"])
    for method, path in (("GET", ""), ("GET", "/count"), ("POST", "/read-all"), ("POST", "/ntc_1/read")):
        answer = await bot.ask(method, f"/notices{path}")
        assert answer.status_code == 403
        assert "a key has none" in answer.text
