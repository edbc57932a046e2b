"""SQL of those whom many calls share: an org's scope is a place, and who called what is a party; calls hold their numbers."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from portico.domains.usage.lines import PARTIES, encode
from portico.domains.usage.parties import Parties
from portico.domains.usage.store_journal import chunks
from portico.domains.usage.tables import call_parties, call_places, calls
from portico.kernel.scope import PlatformScope
from portico.platform.db import Tx


async def number_parties(tx: Tx, scope: PlatformScope, parties: Sequence[Parties]) -> None:
    """Tell each its place and its own number, made where they were not known; only the folder does this, one at a time."""
    said = {_digest(each): each.values for each in parties}
    known = await _known(tx, said)
    missing = {digest: values for digest, values in said.items() if digest not in known}
    if missing:
        await _make(tx, missing)
        known |= await _known(tx, missing)
    for each in parties:
        each.numbers = known[_digest(each)]


async def _make(tx: Tx, missing: Mapping[str, tuple[Any, ...]]) -> None:
    places = {named: await _place(tx, *named) for named in {values[:2] for values in missing.values()}}
    rows = [
        {"digest": digest, "place": places[values[:2]], "newest": 0} | dict(zip(PARTIES, values, strict=True))
        for digest, values in missing.items()
    ]
    for chunk in chunks(rows):
        await tx.execute(insert(call_parties), chunk)


async def keep_parties(tx: Tx, scope: PlatformScope, parties: Collection[int]) -> None:
    """Note that the calls of these reach up to the newest one of all."""
    newest = select(func.max(calls.c.position)).scalar_subquery()
    for chunk in chunks(parties):
        await tx.execute(update(call_parties).where(call_parties.c.id.in_(chunk)).values(newest=newest))


async def forget_parties(tx: Tx, scope: PlatformScope) -> int:
    """Delete those whose calls are all gone."""
    oldest = select(func.min(calls.c.position)).scalar_subquery()
    result = await tx.execute(delete(call_parties).where(call_parties.c.newest < oldest))
    return result.rowcount


async def _known(tx: Tx, digests: Iterable[str]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    columns = call_parties.c
    for chunk in chunks(digests):
        query = select(columns.digest, columns.place, columns.id).where(columns.digest.in_(chunk))
        found |= {row.digest: (row.place, row.id) for row in await tx.execute(query)}
    return found


async def _place(tx: Tx, org_id: str, scope: str) -> int:
    query = select(call_places.c.id).where(call_places.c.org_id == org_id, call_places.c.scope == scope)
    known: int | None = (await tx.execute(query)).scalar_one_or_none()
    if known is not None:
        return known
    made = insert(call_places).values(org_id=org_id, scope=scope).returning(call_places.c.id)
    return int((await tx.execute(made)).scalar_one())


def _digest(parties: Parties) -> str:
    """Names may be longer than an index takes, so a party is found by what it hashes to."""
    return hashlib.sha256(encode(parties.values)).hexdigest()
