"""Record, search, verify, and let go of what is too old."""

import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from portico.domains.audit import store
from portico.domains.audit.model import (
    FIRST_HASH,
    PLATFORM_SCOPE,
    Entry,
    Head,
    Outcome,
    Proof,
    Search,
    Severity,
    Target,
    kept_detail,
)
from portico.domains.events import public as events
from portico.kernel import ids
from portico.kernel.errors import InvalidInput
from portico.kernel.ids import AuditId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import SYSTEM, Actor, OrgScope, PlatformScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

_NOTHING: Mapping[str, object] = {}


async def record(
    tx: Tx,
    scope: OrgScope,
    *,
    action: str,
    target: Target | None = None,
    outcome: Outcome = "ok",
    severity: Severity = "INFO",
    detail: Mapping[str, object] = _NOTHING,
) -> Entry:
    """Append one entry to the org's chain, in the transaction of what it tells; secrets in `detail` are masked."""
    await events.hold_log(tx, scope)
    return await _append(tx, scope, scope.scope, action, target, outcome, severity, detail)


async def record_platform(
    tx: Tx,
    *,
    action: str,
    actor: Actor = SYSTEM,
    target: Target | None = None,
    outcome: Outcome = "ok",
    severity: Severity = "INFO",
    detail: Mapping[str, object] = _NOTHING,
) -> Entry:
    """The same for what belongs to no org, such as a sign-in that failed."""
    return await _append(tx, PlatformScope(actor), PLATFORM_SCOPE, action, target, outcome, severity, detail)


async def _append(
    tx: Tx,
    scope: OrgScope | PlatformScope,
    scope_name: str,
    action: str,
    target: Target | None,
    outcome: Outcome,
    severity: Severity,
    detail: Mapping[str, object],
) -> Entry:
    head, _ = await store.advance_head(tx, scope)
    draft = Entry(
        chain=head.chain,
        seq=head.seq,
        id=ids.new(AuditId),
        at=tx.clock.now(),
        scope=scope_name,
        actor=scope.actor,
        action=action,
        target=target,
        outcome=outcome,
        severity=severity,
        detail=kept_detail(detail),
        prev_hash=head.hash,
    )
    entry = replace(draft, hash=draft.hashed(tx.audit_key))
    await store.insert_entry(tx, scope, entry)
    await store.save_head(tx, scope, replace(head, hash=entry.hash))
    return entry


async def search_audit(scope: OrgScope | PlatformScope, search: Search, ask: PageAsk, deps: Deps) -> Page[Entry]:
    """The newest first."""
    before = None if ask.cursor is None else _position(ask.cursor.after)
    async with deps.read() as tx:
        rows = await store.find_entries(tx, scope, search, before, ask.page_size + 1)
    return make_page(rows, ask, lambda entry: (entry.seq,), None)


async def verify_audit(scope: OrgScope | PlatformScope, deps: Deps) -> Proof:
    """Walk the whole chain of the org and check every hash, the order, and that its tail is still there."""
    async with deps.read() as tx:
        found = await store.load_head(tx, scope)
        head = Head(store.chain_of(scope), 0, FIRST_HASH) if found is None else found[0]
        sealed = found is None or hmac.compare_digest(head.seal(tx.audit_key), found[1])
        expected_seq, prev_hash, entries = head.floor + 1, head.floor_hash, 0
        async for entry in store.every_entry(tx, scope):
            entries += 1
            intact = hmac.compare_digest(entry.hashed(tx.audit_key), entry.hash)
            if entry.seq != expected_seq or entry.prev_hash != prev_hash or not intact:
                return Proof(entries, min(entry.seq, expected_seq), deps.clock.now())
            expected_seq, prev_hash = entry.seq + 1, entry.hash
    whole = sealed and expected_seq == head.seq + 1 and prev_hash == head.hash
    return Proof(entries, None if whole else expected_seq, deps.clock.now())


async def purge_audit(scope: PlatformScope, deps: Deps) -> int:
    """Remove what is older than record.keep_audit_days; the chain stays verifiable from where it now begins."""
    before = deps.clock.now() - timedelta(days=deps.settings.record.keep_audit_days)
    async with deps.read() as tx:
        expired = await store.expired_chains(tx, scope, before)
    removed = 0
    for chain, seq in expired:
        async with deps.uow() as tx:
            head, _ = await store.lock_head(tx, scope, chain)
            floor_hash = await store.hash_at(tx, scope, chain, seq)
            if floor_hash is None:
                continue
            await store.save_head(tx, scope, replace(head, floor=seq, floor_hash=floor_hash))
            removed += await store.remove_through(tx, scope, chain, seq)
    return removed


def _position(after: tuple[str | int | float | None, ...]) -> int:
    if len(after) != 1 or not isinstance(after[0], int):
        raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")
    return after[0]
