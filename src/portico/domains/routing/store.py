from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.routing.tables import snapshot_versions as versions
from portico.kernel.scope import PlatformScope
from portico.platform.db import Tx

_ONLY = 1


async def newest_version(tx: Tx, scope: PlatformScope) -> tuple[int, bytes]:
    """(version, digest of its content); (0, b'') before the first."""
    row = (await tx.execute(select(versions.c.version, versions.c.digest))).one_or_none()
    return (0, b"") if row is None else (int(row.version), bytes(row.digest))


async def raise_version(tx: Tx, scope: PlatformScope, seen: int, digest: bytes, at: datetime) -> bool:
    """From `seen` to `seen + 1`; False when someone else raised it since it was seen."""
    if seen == 0:
        into = sqlite.insert(versions) if tx.engine == "sqlite" else postgresql.insert(versions)
        first = into.values(id=_ONLY, version=1, digest=digest, changed_at=at).on_conflict_do_nothing()
        return (await tx.execute(first)).rowcount == 1
    step = update(versions).where(versions.c.id == _ONLY, versions.c.version == seen)
    return (await tx.execute(step.values(version=seen + 1, digest=digest, changed_at=at))).rowcount == 1
