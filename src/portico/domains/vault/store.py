from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.vault.model import SealedSecret, Secret, SecretUser, sealing_context
from portico.domains.vault.tables import secret_uses, secrets
from portico.kernel.ids import OrgId, SecretId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx

_SHOWN = (
    secrets.c.id,
    secrets.c.org_id,
    secrets.c.name,
    secrets.c.description,
    secrets.c.version,
    secrets.c.created_at,
    secrets.c.updated_at,
)


async def insert_secret(tx: Tx, scope: OrgScope, secret: Secret, sealed: bytes) -> bool:
    """False when the name is taken."""
    into = sqlite.insert(secrets) if tx.engine == "sqlite" else postgresql.insert(secrets)
    row = {column.name: getattr(secret, column.name) for column in _SHOWN} | {"sealed": sealed, "org_id": scope.org_id}
    result = await tx.execute(into.values(row).on_conflict_do_nothing())
    return result.rowcount == 1


async def load_secret(tx: Tx, scope: OrgScope, name: str, *, lock: bool = False) -> Secret | None:
    query = select(*_SHOWN).where(secrets.c.org_id == scope.org_id, secrets.c.name == name)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else _secret(row, (await _uses(tx, scope, [row.id])).get(row.id, ()))


async def replace_value(tx: Tx, scope: OrgScope, secret: Secret, sealed: bytes) -> None:
    await tx.execute(
        update(secrets)
        .where(secrets.c.org_id == scope.org_id, secrets.c.id == secret.id)
        .values(version=secret.version, description=secret.description, updated_at=secret.updated_at, sealed=sealed)
    )


async def delete_secret(tx: Tx, scope: OrgScope, secret_id: SecretId) -> None:
    await tx.execute(delete(secrets).where(secrets.c.org_id == scope.org_id, secrets.c.id == secret_id))


async def list_secrets(tx: Tx, scope: OrgScope, ask: PageAsk) -> Page[Secret]:
    mine = secrets.c.org_id == scope.org_id
    query = select(*_SHOWN).where(mine).order_by(secrets.c.name).limit(ask.page_size + 1)
    if ask.cursor is not None:
        query = query.where(secrets.c.name > str(ask.cursor.after[0]))
    rows = (await tx.execute(query)).all()
    total = (await tx.execute(select(func.count()).select_from(secrets).where(mine))).scalar_one()
    uses = await _uses(tx, scope, [row.id for row in rows])
    found = [_secret(row, uses.get(row.id, ())) for row in rows]
    return make_page(found, ask, lambda secret: (secret.name,), total)


async def replace_uses(tx: Tx, scope: OrgScope, user: SecretUser, secret_id: SecretId | None) -> None:
    await tx.execute(delete(secret_uses).where(secret_uses.c.org_id == scope.org_id, secret_uses.c.user_id == user.id))
    if secret_id is not None:
        await tx.execute(
            insert(secret_uses).values(
                secret_id=secret_id,
                user_id=user.id,
                org_id=scope.org_id,
                user_name=user.name,
                restricted=user.restricted,
            )
        )


async def used_by(tx: Tx, scope: OrgScope, user_id: str) -> str | None:
    """Name of the secret that this user uses."""
    query = (
        select(secrets.c.name)
        .join(secret_uses, secret_uses.c.secret_id == secrets.c.id)
        .where(secret_uses.c.org_id == scope.org_id, secret_uses.c.user_id == user_id)
    )
    return (await tx.execute(query)).scalar_one_or_none()


async def replace_all_uses(tx: Tx, scope: OrgScope, user: SecretUser, secret_ids: Iterable[SecretId]) -> None:
    await tx.execute(delete(secret_uses).where(secret_uses.c.org_id == scope.org_id, secret_uses.c.user_id == user.id))
    rows = [
        {
            "secret_id": secret_id,
            "user_id": user.id,
            "org_id": scope.org_id,
            "user_name": user.name,
            "restricted": user.restricted,
        }
        for secret_id in secret_ids
    ]
    if rows:
        await tx.execute(insert(secret_uses), rows)


async def all_used_by(tx: Tx, scope: OrgScope, user_id: str) -> set[str]:
    """Names of the secrets that this user uses."""
    query = (
        select(secrets.c.name)
        .join(secret_uses, secret_uses.c.secret_id == secrets.c.id)
        .where(secret_uses.c.org_id == scope.org_id, secret_uses.c.user_id == user_id)
    )
    return set((await tx.execute(query)).scalars())


async def load_sealed(tx: Tx, scope: PlatformScope) -> dict[tuple[str, str], SealedSecret]:
    """Only secrets that something uses: the others have no business in a gateway."""
    used = select(secret_uses.c.secret_id).where(secret_uses.c.secret_id == secrets.c.id).exists()
    query = select(secrets.c.org_id, secrets.c.name, secrets.c.version, secrets.c.sealed).where(used)
    return {
        (row.org_id, row.name): SealedSecret(row.sealed, sealing_context(row.org_id, row.name, row.version))
        for row in await tx.execute(query)
    }


async def _uses(tx: Tx, scope: OrgScope, secret_ids: Iterable[str]) -> dict[str, tuple[SecretUser, ...]]:
    query = (
        select(secret_uses)
        .where(secret_uses.c.org_id == scope.org_id, secret_uses.c.secret_id.in_(list(secret_ids)))
        .order_by(secret_uses.c.user_name)
    )
    uses: dict[str, tuple[SecretUser, ...]] = {}
    for row in await tx.execute(query):
        user = SecretUser(row.user_id, row.user_name, row.restricted)
        uses[row.secret_id] = (*uses.get(row.secret_id, ()), user)
    return uses


def _secret(row: Row[Any], uses: tuple[SecretUser, ...]) -> Secret:
    created_at: datetime = row.created_at
    return Secret(
        SecretId(row.id),
        OrgId(row.org_id),
        row.name,
        row.description,
        row.version,
        created_at,
        row.updated_at,
        uses,
    )
