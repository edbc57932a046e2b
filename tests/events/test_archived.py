"""What has left the log is read again, by those who may, scope by scope."""

import json
from typing import Any

import httpx2
import pytest
from argon2 import PasswordHasher

from portico.domains.events import archive
from portico.domains.events import public as events
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.service import passwords as password_work
from portico.kernel.clock import ManualClock
from portico.kernel.ids import OrgId
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps

SENT = events.declare("letter.sent.v1", "A letter was sent.", about="letter_id", fields={"letter_id": str})
ARCHIVES = "/api/v1/event-archives"


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm at the least cost: the owners of these tests never sign in."""
    monkeypatch.setattr(password_work.passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


class Office:
    """An org whose letters leave the log, and keys to read them with."""

    def __init__(self, deps: Deps, clock: ManualClock, client: httpx2.AsyncClient, org_id: OrgId) -> None:
        self.deps, self.clock, self.client, self.org_id = deps, clock, client, org_id

    def inside(self, scope: str) -> OrgScope:
        return tenancy.open_system_scope(self.org_id, scope)

    async def send(self, *letters: str, scope: str = "ENTERPRISE") -> None:
        for letter in letters:
            async with self.deps.uow() as tx:
                await events.record(tx, self.inside(scope), kind=SENT, payload={"letter_id": letter})

    async def let_all_grow_old(self) -> None:
        self.clock.advance(seconds=86400 * (self.deps.settings.record.keep_events_days + 1))
        await events.purge_events(tenancy.platform_scope(), self.deps)

    async def key(self, *permissions: str, scope: str = "ENTERPRISE") -> dict[str, str]:
        draft = tenancy.KeyDraft(f"{scope}-{len(permissions)}", permissions)
        _, secret = await tenancy.create_key(self.inside(scope), draft, self.deps)
        return {"authorization": f"Bearer {secret}"}

    async def listed(self, key: dict[str, str], **params: Any) -> dict[str, Any]:
        answer = await self.client.get(ARCHIVES, headers=key, params=params)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def letters(self, key: dict[str, str], archive_id: str) -> list[str]:
        answer = await self.client.get(f"{ARCHIVES}/{archive_id}", headers=key)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in answer.text.splitlines()]
        return [line["payload"]["letter_id"] for line in lines if line["kind"] == SENT]


@pytest.fixture
async def office(deps: Deps, clock: ManualClock, client: httpx2.AsyncClient) -> Office:
    seeded = await tenancy.seed_owner(deps, "Office", "office", "o@office.example", "Owner", "a long enough password")
    return Office(deps, clock, client, seeded.org_id)


@pytest.mark.req("SP17", "R-DATA-010")
async def test_what_left_the_log_is_listed_page_by_page_and_read_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.let_all_grow_old()
    before = len(await office_files(office))
    monkeypatch.setattr(archive, "AT_ONCE", 2)
    await office.send("a", "b", "c", "d", "e")
    await office.let_all_grow_old()
    key = await office.key("events.manage")
    first = await office.listed(key, page_size=2)
    assert first["pagination"]["total"] == before + 3
    second = await office.listed(key, page_size=2, cursor=first["pagination"]["cursors"]["next"])
    newest, middle, oldest = first["items"] + second["items"][:1]
    assert [await office.letters(key, each["id"]) for each in (oldest, middle, newest)] == [
        ["a", "b"],
        ["c", "d"],
        ["e"],
    ]
    assert newest["last_seq"] == newest["first_seq"] == middle["last_seq"] + 1
    assert newest["id"] == f"{newest['day']}-{newest['first_seq']}-{newest['last_seq']}"
    assert newest["bytes"] > 0


async def office_files(office: Office) -> list[str]:
    folder = archive.folder_of(office.deps.settings.data_dir, office.org_id)
    return [path.name for path in folder.iterdir()]


@pytest.mark.req("SP17", "SS2")
async def test_an_archive_gives_everyone_the_events_of_their_own_scope(office: Office) -> None:
    await office.send("to-all")
    await office.send("to-developers", scope="DEVELOPMENT")
    await office.let_all_grow_old()
    for scope, letters in (("ENTERPRISE", ["to-all"]), ("DEVELOPMENT", ["to-developers"])):
        key = await office.key("events.manage", scope=scope)
        (found,) = (await office.listed(key))["items"]
        assert await office.letters(key, found["id"]) == letters


@pytest.mark.req("SS2")
async def test_archives_are_for_who_manages_events_and_for_nobody_of_another_org(
    office: Office, deps: Deps, client: httpx2.AsyncClient
) -> None:
    await office.send("a")
    await office.let_all_grow_old()
    (found,) = (await office.listed(await office.key("events.manage")))["items"]
    reader = await office.key("events.read")
    for path in (ARCHIVES, f"{ARCHIVES}/{found['id']}"):
        assert (await client.get(path, headers=reader)).status_code == 403
    other = await tenancy.seed_owner(deps, "Other", "other", "o@other.example", "Owner", "a long enough password")
    stranger = await Office(deps, office.clock, client, other.org_id).key("events.manage")
    assert (await office.listed(stranger))["items"] == []
    assert (await client.get(f"{ARCHIVES}/{found['id']}", headers=stranger)).status_code == 404


async def test_nothing_but_archives_is_listed_or_read(office: Office, client: httpx2.AsyncClient) -> None:
    await office.send("a")
    await office.let_all_grow_old()
    folder = archive.folder_of(office.deps.settings.data_dir, office.org_id)
    (folder / ".2026-01-01-9-9.jsonl.gz.7").write_bytes(b"a draft")
    (folder / "notes.txt").write_bytes(b"somebody's")
    key = await office.key("events.manage")
    (found,) = (await office.listed(key))["items"]
    asked = ("notes.txt", "2026-01-01-9-9", "nothing-there", f"..%2F{office.org_id}%2F{found['id']}", "x" * 61)
    answers = [(await client.get(f"{ARCHIVES}/{each}", headers=key)).status_code for each in asked]
    assert answers == [404, 404, 404, 404, 400]
    assert (await client.get(ARCHIVES, headers=key, params={"cursor": "WzEsMV0"})).status_code == 400


async def test_a_large_archive_comes_in_pieces(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from portico.domains.events import archived

    monkeypatch.setattr(archived, "_CHUNK_BYTES", 100)
    await office.send(*"abcdefgh")
    await office.let_all_grow_old()
    (found,) = (await office.listed(await office.key("events.manage")))["items"]
    pieces = list(await archived.open_archive(office.inside("ENTERPRISE"), found["id"], office.deps))
    assert len(pieces) > 4
    assert [json.loads(line)["seq"] for line in b"".join(pieces).splitlines()] == sorted(
        range(found["first_seq"], found["last_seq"] + 1)
    )
