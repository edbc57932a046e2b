import asyncio
from typing import Any

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from portico.domains.audit import public as audit
from portico.domains.audit.tables import audit_entries, audit_heads
from portico.domains.events import public as events
from portico.kernel.clock import ManualClock
from portico.kernel.ids import OrgId
from portico.kernel.paging import PageAsk, decode_cursor
from portico.kernel.scope import DEVELOPMENT, ENTERPRISE, SYSTEM, Actor, OrgScope, PlatformScope, ScopeName
from portico.platform.db import Database
from portico.platform.deps import Deps

events.declare("test.audited.v1", "Something was audited.", about="thing_id", fields={"thing_id": str})
ADA = Actor("person", "per_ada", "Ada", "203.0.113.9")
BOB = Actor("key", "key_bob", "support-bot")
PLATFORM = PlatformScope(SYSTEM)


def scope_of(org: str = "org_a", name: ScopeName = ENTERPRISE, actor: Actor = ADA) -> OrgScope:
    return OrgScope(OrgId(org), name, actor, frozenset({"audit.read"}))


async def record(deps: Deps, scope: OrgScope, action: str = "key.create", **more: Any) -> None:
    async with deps.uow() as tx:
        await audit.record(tx, scope, action=action, target=audit.Target("key", "key_1", "bot"), **more)


async def drop_guards(database: Database) -> None:
    """What somebody with the database's own password could do."""
    statements = (
        ["DROP TRIGGER audit_entries_no_update", "DROP TRIGGER audit_entries_no_delete"]
        if database.engine_name == "sqlite"
        else ["ALTER TABLE audit_entries DISABLE TRIGGER USER"]
    )
    async with database.write() as tx:
        for statement in statements:
            await tx.execute(text(statement))


async def restore_guards(database: Database) -> None:
    if database.engine_name == "postgresql":
        async with database.write() as tx:
            await tx.execute(text("ALTER TABLE audit_entries ENABLE TRIGGER USER"))


@pytest.mark.req("SC9")
async def test_entries_tell_who_did_what_to_what_when_and_from_where(deps: Deps, clock: ManualClock) -> None:
    await record(deps, scope_of(), severity="WARN", outcome="refused", detail={"reason": "role"})
    (entry,) = (await audit.search_audit(scope_of(), audit.Search(), PageAsk(), deps)).items
    assert (entry.actor, entry.action, entry.at) == (ADA, "key.create", clock.now())
    assert entry.target == audit.Target("key", "key_1", "bot")
    assert (entry.outcome, entry.severity, entry.detail) == ("refused", "WARN", '{"reason":"role"}')


@pytest.mark.req("SC9")
async def test_an_untouched_chain_verifies_and_chains_of_orgs_are_apart(deps: Deps) -> None:
    for number in range(5):
        await record(deps, scope_of(), detail={"number": number, "share": 0.1, "text": "ü → 日本"})
    await record(deps, scope_of("org_b"))
    assert (await audit.verify_audit(scope_of(), deps)).entries == 5
    proof = await audit.verify_audit(scope_of("org_b"), deps)
    assert (proof.verified, proof.entries, proof.first_bad_seq) == (True, 1, None)


async def test_an_empty_chain_verifies(deps: Deps) -> None:
    proof = await audit.verify_audit(scope_of(), deps)
    assert (proof.verified, proof.entries) == (True, 0)


@pytest.mark.req("SC9")
@pytest.mark.parametrize(
    ("forgery", "first_bad"),
    [
        (update(audit_entries).where(audit_entries.c.seq == 3).values(actor_name="Eve"), 3),
        (update(audit_entries).where(audit_entries.c.seq == 2).values(detail="{}"), 2),
        (update(audit_entries).where(audit_entries.c.seq == 4).values(address=None), 4),
        (delete(audit_entries).where(audit_entries.c.seq == 3), 3),
        (delete(audit_entries).where(audit_entries.c.seq >= 4), 4),
        (delete(audit_entries), 1),
        (update(audit_heads).values(seq=4), 6),
    ],
    ids=["actor", "detail", "address", "hole", "tail", "all", "head"],
)
async def test_a_changed_missing_or_cut_off_entry_is_found(deps: Deps, forgery: Any, first_bad: int) -> None:
    for number in range(5):
        await record(deps, scope_of(), detail={"number": number})
    await drop_guards(deps.db)
    try:
        async with deps.uow() as tx:
            await tx.execute(forgery)
        proof = await audit.verify_audit(scope_of(), deps)
    finally:
        await restore_guards(deps.db)
    assert (proof.verified, proof.first_bad_seq) == (False, first_bad)


async def test_a_tail_cut_off_together_with_its_head_is_found_by_the_seal(deps: Deps) -> None:
    for _ in range(3):
        await record(deps, scope_of())
    kept = (await audit.search_audit(scope_of(), audit.Search(), PageAsk(), deps)).items[1]
    await drop_guards(deps.db)
    try:
        async with deps.uow() as tx:
            await tx.execute(delete(audit_entries).where(audit_entries.c.seq == 3))
            await tx.execute(update(audit_heads).values(seq=2, hash=kept.hash))
        proof = await audit.verify_audit(scope_of(), deps)
    finally:
        await restore_guards(deps.db)
    assert not proof.verified


async def test_the_database_refuses_to_change_or_remove_an_entry(deps: Deps) -> None:
    await record(deps, scope_of())
    for statement in (update(audit_entries).values(action="nothing"), delete(audit_entries)):
        with pytest.raises(DBAPIError, match="append-only"):
            async with deps.uow() as tx:
                await tx.execute(statement)


async def test_concurrent_writers_never_fork_the_chain(deps: Deps) -> None:
    async def change(number: int) -> None:
        async with deps.uow() as tx:
            if number % 2:
                await events.record(tx, scope_of(), kind="test.audited.v1", payload={"thing_id": "1"})
            await audit.record(tx, scope_of(), action="a.first")
            await events.record(tx, scope_of(), kind="test.audited.v1", payload={"thing_id": "1"})
            await audit.record(tx, scope_of(), action="a.second")

    await record(deps, scope_of())
    async with deps.uow() as tx:
        await events.record(tx, scope_of(), kind="test.audited.v1", payload={"thing_id": "1"})
    await asyncio.gather(*(change(number) for number in range(8)))
    proof = await audit.verify_audit(scope_of(), deps)
    assert (proof.verified, proof.entries) == (True, 17)


@pytest.mark.req("SC9")
async def test_search_by_actor_action_time_and_outcome(deps: Deps, clock: ManualClock) -> None:
    await record(deps, scope_of(), "key.create")
    clock.advance(seconds=60)
    middle = clock.now()
    await record(deps, scope_of(actor=BOB), "service.call", outcome="refused")
    clock.advance(seconds=60)
    await record(deps, scope_of(), "key.revoke")

    async def found(**search: Any) -> list[str]:
        page = await audit.search_audit(scope_of(), audit.Search(**search), PageAsk(), deps)
        return [entry.action for entry in page.items]

    assert await found(actor_id="per_ada") == ["key.revoke", "key.create"]
    assert await found(action="service.call") == ["service.call"]
    assert await found(outcome="refused") == ["service.call"]
    assert await found(since=middle) == ["key.revoke", "service.call"]
    assert await found(until=middle) == ["key.create"]


async def test_pages_follow_each_other_newest_first(deps: Deps) -> None:
    for action in "abcde":
        await record(deps, scope_of(), action)
    first = await audit.search_audit(scope_of(), audit.Search(), PageAsk(3), deps)
    ask = PageAsk(3, decode_cursor(first.next_cursor))
    second = await audit.search_audit(scope_of(), audit.Search(), ask, deps)
    assert [entry.action for entry in (*first.items, *second.items)] == list("edcba")
    assert second.next_cursor is None


async def test_another_org_and_another_scope_find_nothing(deps: Deps) -> None:
    await record(deps, scope_of())
    for scope in (scope_of("org_b"), scope_of(name=DEVELOPMENT)):
        assert (await audit.search_audit(scope, audit.Search(), PageAsk(), deps)).items == []


@pytest.mark.req("HY15")
async def test_secrets_in_the_detail_are_masked(deps: Deps) -> None:
    detail = {
        "password": "hunter2hunter2",
        "headers": [{"Authorization": "Bearer abc.def"}],
        "note": "rotated pk_9f3a1c2d_" + "x" * 43,
        "secret_name": "openai",
        "token_count": 7,
        "raw": b"bytes",
    }
    await record(deps, scope_of(), detail=detail)
    (entry,) = (await audit.search_audit(scope_of(), audit.Search(), PageAsk(), deps)).items
    for secret in ("hunter2", "abc.def", "x" * 43, "bytes"):
        assert secret not in entry.detail
    assert '"secret_name":"openai"' in entry.detail
    assert '"token_count":7' in entry.detail


async def test_a_huge_detail_is_left_out_rather_than_cut(deps: Deps) -> None:
    await record(deps, scope_of(), detail={"text": "x" * 100_000})
    (entry,) = (await audit.search_audit(scope_of(), audit.Search(), PageAsk(), deps)).items
    assert entry.detail == '{"omitted":"100011 characters"}'
    assert (await audit.verify_audit(scope_of(), deps)).verified


async def test_what_belongs_to_no_org_has_its_own_chain(deps: Deps) -> None:
    async with deps.uow() as tx:
        await audit.record_platform(tx, action="auth.sign_in", outcome="refused", severity="WARN")
    assert (await audit.search_audit(scope_of(), audit.Search(), PageAsk(), deps)).items == []
    page = await audit.search_audit(PLATFORM, audit.Search(), PageAsk(), deps)
    assert [entry.scope for entry in page.items] == ["global"]
    assert (await audit.verify_audit(PLATFORM, deps)).entries == 1


@pytest.mark.req("SP21")
async def test_retention_removes_the_oldest_and_the_rest_still_verifies(deps: Deps, clock: ManualClock) -> None:
    await record(deps, scope_of(), "old.one")
    await record(deps, scope_of(), "old.two")
    clock.advance(seconds=86400 * deps.settings.record.keep_audit_days + 1)
    await record(deps, scope_of(), "new.one")
    assert await audit.purge_audit(PLATFORM, deps) == 2
    assert await audit.purge_audit(PLATFORM, deps) == 0
    await record(deps, scope_of(), "new.two")
    proof = await audit.verify_audit(scope_of(), deps)
    assert (proof.verified, proof.entries) == (True, 2)
