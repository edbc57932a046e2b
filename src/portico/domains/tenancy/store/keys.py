from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, func, insert, or_, select, update

from portico.domains.tenancy.model import Key, KeyStatus
from portico.domains.tenancy.store.cursors import last_text
from portico.domains.tenancy.tables import api_keys
from portico.kernel.ids import KeyId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx

_LISTS = ("permissions", "services")


def _key(row: RowMapping) -> Key:
    facts = dict(row)
    for name in _LISTS:
        facts[name] = None if facts[name] is None else tuple(facts[name])
    return Key(**facts)


def _values(key: Key) -> dict[str, Any]:
    values = {column.name: getattr(key, column.name) for column in api_keys.c}
    for name in _LISTS:
        values[name] = None if values[name] is None else list(values[name])
    return values


async def insert_key(tx: Tx, scope: OrgScope, key: Key) -> None:
    await tx.execute(insert(api_keys).values(_values(key) | {"org_id": scope.org_id}))


async def update_key(tx: Tx, scope: OrgScope, key: Key) -> None:
    fixed = ("id", "org_id", "last_used_at")
    values = {name: value for name, value in _values(key).items() if name not in fixed}
    mine = (api_keys.c.org_id == scope.org_id, api_keys.c.id == key.id)
    await tx.execute(update(api_keys).where(*mine).values(values))


async def load_key(tx: Tx, scope: OrgScope, key_id: KeyId, *, lock: bool = False) -> Key | None:
    query = select(api_keys).where(api_keys.c.org_id == scope.org_id, api_keys.c.id == key_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().first()
    return None if row is None else _key(row)


async def load_key_by_prefix(tx: Tx, scope: PlatformScope, prefix: str) -> Key | None:
    row = (await tx.execute(select(api_keys).where(api_keys.c.prefix == prefix))).mappings().first()
    return None if row is None else _key(row)


async def load_key_anywhere(tx: Tx, scope: PlatformScope, key_id: KeyId) -> Key | None:
    row = (await tx.execute(select(api_keys).where(api_keys.c.id == key_id))).mappings().first()
    return None if row is None else _key(row)


async def expiring_keys(
    tx: Tx, scope: PlatformScope, after: datetime, until: datetime, after_id: KeyId, most: int
) -> list[Key]:
    """Of every org: those that hold now and expire in between, by id."""
    query = select(api_keys).where(
        api_keys.c.expires_at > after,
        api_keys.c.expires_at <= until,
        api_keys.c.revoked_at.is_(None),
        api_keys.c.id > after_id,
    )
    found = await tx.execute(query.order_by(api_keys.c.id).limit(most))
    return [_key(row) for row in found.mappings()]


async def count_keys(tx: Tx, scope: OrgScope) -> int:
    mine = (api_keys.c.org_id == scope.org_id, api_keys.c.revoked_at.is_(None))
    found: int = (await tx.execute(select(func.count()).select_from(api_keys).where(*mine))).scalar_one()
    return found


async def list_keys(
    tx: Tx, scope: OrgScope, ask: PageAsk, *, q: str | None, status: KeyStatus | None, now: datetime
) -> Page[Key]:
    """Newest first; ids are time-ordered."""
    where: list[ColumnElement[bool]] = [api_keys.c.org_id == scope.org_id]
    if q is not None:
        name = func.lower(api_keys.c.name).contains(q.lower(), autoescape=True)
        where.append(or_(name, api_keys.c.prefix.startswith(q, autoescape=True)))
    if status is not None:
        where.append(_has_status(status, now))
    total = (await tx.execute(select(func.count()).select_from(api_keys).where(*where))).scalar_one()
    if ask.cursor is not None:
        where.append(api_keys.c.id < last_text(ask.cursor))
    query = select(api_keys).where(*where).order_by(api_keys.c.id.desc()).limit(ask.page_size + 1)
    return make_page([_key(row) for row in (await tx.execute(query)).mappings()], ask, lambda key: (key.id,), total)


def _has_status(status: KeyStatus, now: datetime) -> ColumnElement[bool]:
    if status == "revoked":
        return api_keys.c.revoked_at.is_not(None)
    alive = api_keys.c.revoked_at.is_(None)
    if status == "expired":
        return alive & (api_keys.c.expires_at <= now)
    return alive & or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now)


async def keys_made_by(tx: Tx, scope: OrgScope, maker_id: str) -> list[Key]:
    """Those not revoked, locked for the change that follows."""
    mine = (api_keys.c.org_id == scope.org_id, api_keys.c.maker_id == maker_id, api_keys.c.revoked_at.is_(None))
    return [_key(row) for row in (await tx.execute(select(api_keys).where(*mine).with_for_update())).mappings()]


async def keys_made_with(tx: Tx, scope: OrgScope, key_id: KeyId) -> list[Key]:
    """Those not revoked, locked for the change that follows."""
    mine = (api_keys.c.org_id == scope.org_id, api_keys.c.made_with == key_id, api_keys.c.revoked_at.is_(None))
    return [_key(row) for row in (await tx.execute(select(api_keys).where(*mine).with_for_update())).mappings()]


async def touch_keys(tx: Tx, scope: PlatformScope, last_used: Mapping[KeyId, datetime]) -> None:
    """Never moves a time back, so that batches may come late or twice."""
    for key_id, at in sorted(last_used.items()):
        older = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < at)
        await tx.execute(update(api_keys).where(api_keys.c.id == key_id, older).values(last_used_at=at))
