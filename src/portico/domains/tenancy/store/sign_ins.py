from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.tenancy.model import RefreshToken, SignIn
from portico.domains.tenancy.tables import refresh_tokens, sign_in_tries, sign_ins
from portico.kernel.ids import OrgId, PersonId, SignInId
from portico.kernel.scope import PlatformScope, ScopeName
from portico.platform.db import Tx, from_micros, to_micros

_SIGN_IN = (
    sign_ins.c.id,
    sign_ins.c.person_id,
    sign_ins.c.org_id,
    sign_ins.c.scope,
    sign_ins.c.expires_at,
    sign_ins.c.ended_at,
)


async def insert_sign_in(
    tx: Tx, scope: PlatformScope, sign_in: SignIn, address: str | None, created_at: datetime
) -> None:
    values = {column.name: getattr(sign_in, column.name) for column in _SIGN_IN}
    await tx.execute(insert(sign_ins).values(values | {"address": address, "created_at": created_at}))


async def load_sign_in(tx: Tx, scope: PlatformScope, sign_in_id: SignInId, *, lock: bool = False) -> SignIn | None:
    query = select(*_SIGN_IN).where(sign_ins.c.id == sign_in_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().first()
    return None if row is None else SignIn(**row)


async def move_sign_in(
    tx: Tx, scope: PlatformScope, sign_in_id: SignInId, org_id: OrgId | None, to: ScopeName, tokens_until: datetime
) -> None:
    """Where it stands from now on, and until when access tokens of it can be around."""
    values = {"org_id": org_id, "scope": to, "tokens_until": tokens_until}
    await tx.execute(update(sign_ins).where(sign_ins.c.id == sign_in_id).values(values))


async def extend_sign_in(tx: Tx, scope: PlatformScope, sign_in_id: SignInId, expires_at: datetime) -> None:
    await tx.execute(update(sign_ins).where(sign_ins.c.id == sign_in_id).values(expires_at=expires_at))


async def end_sign_in(tx: Tx, scope: PlatformScope, sign_in_id: SignInId, at: datetime, reason: str) -> bool:
    """False when it had ended before."""
    open_one = (sign_ins.c.id == sign_in_id, sign_ins.c.ended_at.is_(None))
    done = await tx.execute(update(sign_ins).where(*open_one).values(ended_at=at, end_reason=reason))
    return done.rowcount == 1


async def end_other_sign_ins(
    tx: Tx, scope: PlatformScope, person_id: PersonId, but: SignInId | None, at: datetime, reason: str
) -> int:
    others = [sign_ins.c.person_id == person_id, sign_ins.c.ended_at.is_(None)]
    if but is not None:
        others.append(sign_ins.c.id != but)
    return (await tx.execute(update(sign_ins).where(*others).values(ended_at=at, end_reason=reason))).rowcount


async def insert_refresh_token(tx: Tx, scope: PlatformScope, token: RefreshToken) -> None:
    values = {column.name: getattr(token, column.name) for column in refresh_tokens.c}
    await tx.execute(insert(refresh_tokens).values(values))


async def load_refresh_token(tx: Tx, scope: PlatformScope, digest: bytes) -> RefreshToken | None:
    row = (await tx.execute(select(refresh_tokens).where(refresh_tokens.c.digest == digest))).mappings().first()
    return None if row is None else RefreshToken(**row)


async def mark_rotated(tx: Tx, scope: PlatformScope, token: RefreshToken, at: datetime) -> None:
    """The token is used now; what was issued beside it is spent with it."""
    await tx.execute(update(refresh_tokens).where(refresh_tokens.c.digest == token.digest).values(rotated_at=at))
    if token.parent_digest is not None:
        await tx.execute(
            update(refresh_tokens)
            .where(
                refresh_tokens.c.parent_digest == token.parent_digest,
                refresh_tokens.c.digest != token.digest,
                refresh_tokens.c.rotated_at.is_(None),
            )
            .values(rotated_at=at, spent=True)
        )


async def children(tx: Tx, scope: PlatformScope, digest: bytes) -> tuple[int, int]:
    """How many tokens were issued for this one, and how many of them were used."""
    query = select(func.count().label("issued"), func.count(refresh_tokens.c.rotated_at).label("used")).where(
        refresh_tokens.c.parent_digest == digest
    )
    row = (await tx.execute(query)).one()
    return int(row.issued), int(row.used)


async def count_try(tx: Tx, scope: PlatformScope, subject: bytes, at: datetime, most: int) -> datetime | None:
    """Count one try in the sliding minute; when it holds `most` already, the moment the oldest leaves it."""
    into = sqlite.insert(sign_in_tries) if tx.engine == "sqlite" else postgresql.insert(sign_in_tries)
    row = {"subject": subject, "tried_at_us": [], "last_at": at}
    await tx.execute(into.values(row).on_conflict_do_nothing())
    mine = sign_in_tries.c.subject == subject
    # The row is locked between reading and writing, so that tries at the same moment are all counted.
    held: Any = (await tx.execute(select(sign_in_tries.c.tried_at_us).where(mine).with_for_update())).scalar_one()
    since = to_micros(at - timedelta(minutes=1))
    recent = [moment for moment in held if moment > since]
    if len(recent) >= most:
        return from_micros(recent[-most]) + timedelta(minutes=1)
    await tx.execute(update(sign_in_tries).where(mine).values(tried_at_us=[*recent, to_micros(at)], last_at=at))
    return None


async def forget_tries(tx: Tx, scope: PlatformScope, subject: bytes) -> None:
    await tx.execute(delete(sign_in_tries).where(sign_in_tries.c.subject == subject))


async def ended_early(tx: Tx, scope: PlatformScope, now: datetime) -> list[SignInId]:
    """Ended, while access tokens of them are still around."""
    early = (sign_ins.c.tokens_until > now, sign_ins.c.ended_at.is_not(None))
    query = select(sign_ins.c.id).where(*early).order_by(sign_ins.c.id)
    return [SignInId(row.id) for row in await tx.execute(query)]


async def purge_sign_ins(tx: Tx, scope: PlatformScope, now: datetime, ended_before: datetime) -> int:
    """Sign-ins that ended or ran out before then, with their tokens; tokens and tries that are over."""
    await tx.execute(delete(refresh_tokens).where(refresh_tokens.c.expires_at < ended_before))
    await tx.execute(delete(sign_in_tries).where(sign_in_tries.c.last_at < now - timedelta(minutes=1)))
    over = or_(sign_ins.c.ended_at < ended_before, sign_ins.c.expires_at < ended_before)
    return (await tx.execute(delete(sign_ins).where(over))).rowcount
