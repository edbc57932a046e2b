"""SQL of notices and of who has read them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, false, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.hub.model import sees_everything
from portico.domains.notices.model import Draft, Notice, NoticeId
from portico.domains.notices.tables import notice_marks, notice_reads, notices
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx


async def insert_notice(tx: Tx, scope: OrgScope, draft: Draft) -> bool:
    """False when the event has its notice already."""
    into = sqlite.insert(notices) if tx.engine == "sqlite" else postgresql.insert(notices)
    row = {
        "id": draft.id,
        "org_id": scope.org_id,
        "scope": draft.scope,
        "severity": draft.severity,
        "title": draft.words.title,
        "text": draft.words.text,
        "link": draft.words.link,
        "kind": draft.kind,
        "subject": draft.subject,
        "permission": draft.permission,
        "restricted_to": draft.restricted_to,
        "actor_id": draft.actor_id,
        "at": draft.at,
    }
    return (await tx.execute(into.values(row).on_conflict_do_nothing())).rowcount == 1


async def remove_beyond(tx: Tx, scope: OrgScope, most: int) -> int:
    """Leave the newest `most` of the scope."""
    mine = and_(notices.c.org_id == scope.org_id, notices.c.scope == scope.scope)
    last = select(notices.c.number).where(mine).order_by(notices.c.number.desc()).offset(most).limit(1)
    return (await tx.execute(delete(notices).where(mine, notices.c.number <= last.scalar_subquery()))).rowcount


async def page_of_notices(tx: Tx, scope: OrgScope, *, unread: bool, before: int | None, limit: int) -> list[Notice]:
    """Of those that the reader may see, the newest first."""
    query = select(notices, _is_read(scope).label("read")).where(_seen_by(scope))
    if unread:
        query = query.where(~_is_read(scope))
    if before is not None:
        query = query.where(notices.c.number < before)
    return [_notice(row) for row in await tx.execute(query.order_by(notices.c.number.desc()).limit(limit))]


async def load_notice(tx: Tx, scope: OrgScope, notice_id: str) -> Notice | None:
    query = select(notices, _is_read(scope).label("read")).where(_seen_by(scope), notices.c.id == notice_id)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _notice(row)


async def count_unread(tx: Tx, scope: OrgScope) -> int:
    query = select(func.count()).select_from(notices).where(_seen_by(scope), ~_is_read(scope))
    return int((await tx.execute(query)).scalar_one())


async def mark_read(tx: Tx, scope: OrgScope, number: int) -> None:
    into = sqlite.insert(notice_reads) if tx.engine == "sqlite" else postgresql.insert(notice_reads)
    await tx.execute(into.values(**_mine(scope), number=number).on_conflict_do_nothing())


async def mark_all_read(tx: Tx, scope: OrgScope) -> None:
    newest = select(func.max(notices.c.number)).where(notices.c.org_id == scope.org_id, notices.c.scope == scope.scope)
    number = (await tx.execute(newest)).scalar_one()
    if number is None:
        return
    into = sqlite.insert(notice_marks) if tx.engine == "sqlite" else postgresql.insert(notice_marks)
    keys = ["org_id", "scope", "person_id"]
    marked = into.values(**_mine(scope), read_through=number)
    await tx.execute(marked.on_conflict_do_update(index_elements=keys, set_={"read_through": number}))
    own = [notice_reads.c[name] == value for name, value in _mine(scope).items()]
    await tx.execute(delete(notice_reads).where(*own, notice_reads.c.number <= number))


async def remove_older(tx: Tx, scope: PlatformScope, before: datetime) -> int:
    return (await tx.execute(delete(notices).where(notices.c.at < before))).rowcount


async def remove_stray_reads(tx: Tx, scope: PlatformScope) -> int:
    """Marks of notices that are gone."""
    known = exists(select(notices.c.number).where(notices.c.number == notice_reads.c.number))
    return (await tx.execute(delete(notice_reads).where(~known))).rowcount


def _seen_by(scope: OrgScope) -> ColumnElement[bool]:
    """Inside the scope, permitted, not one's own doing, and not about a service that is hidden from the reader."""
    seen = [
        notices.c.org_id == scope.org_id,
        notices.c.scope == scope.scope,
        notices.c.permission.in_(sorted(scope.permissions)),
        notices.c.actor_id != scope.actor.id,
        # That one has joined is news for the others.
        notices.c.subject != f"member:{scope.actor.id}",
    ]
    if not sees_everything(scope):
        granted = sorted({f"service:{resource_id}" for resource_id, _ in scope.granted})
        seen.append(
            or_(
                notices.c.restricted_to.is_(None),
                notices.c.restricted_to == scope.actor.id,
                notices.c.subject.in_(granted) if granted else false(),
            )
        )
    return and_(*seen)


def _is_read(scope: OrgScope) -> ColumnElement[bool]:
    mine = _mine(scope)
    through: Select[tuple[int]] = select(notice_marks.c.read_through).where(
        *[notice_marks.c[name] == value for name, value in mine.items()]
    )
    singly = select(notice_reads.c.number).where(
        *[notice_reads.c[name] == value for name, value in mine.items()], notice_reads.c.number == notices.c.number
    )
    return or_(notices.c.number <= func.coalesce(through.scalar_subquery(), 0), exists(singly))


def _mine(scope: OrgScope) -> dict[str, str]:
    return {"org_id": scope.org_id, "scope": scope.scope, "person_id": scope.actor.id}


def _notice(row: Row[Any]) -> Notice:
    return Notice(
        number=row.number,
        id=NoticeId(row.id),
        severity=row.severity,
        title=row.title,
        text=row.text,
        link=row.link,
        kind=row.kind,
        subject=row.subject,
        at=row.at,
        read=bool(row.read),
    )
