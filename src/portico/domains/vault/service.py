from collections.abc import Collection
from dataclasses import replace

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.vault import store
from portico.domains.vault.errors import SecretInUse, SecretNameTaken
from portico.domains.vault.model import (
    SealedSecret,
    Secret,
    SecretDraft,
    SecretUser,
    name_problems,
    sealing_context,
    value_problems,
)
from portico.kernel import ids
from portico.kernel.errors import InvalidFields, InvalidInput, NotFound
from portico.kernel.ids import SecretId
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

_FIELDS = {"secret_id": str, "name": str, "version": int}
CREATED = events.declare("secret.created.v1", "A secret was stored.", about="secret_id", fields=_FIELDS)
ROTATED = events.declare("secret.rotated.v1", "A secret got a new value.", about="secret_id", fields=_FIELDS)
DELETED = events.declare("secret.deleted.v1", "A secret was deleted.", about="secret_id", fields=_FIELDS)
_ACTIONS = {CREATED: "secret.create", ROTATED: "secret.rotate", DELETED: "secret.delete"}


async def create_secret(scope: OrgScope, draft: SecretDraft, deps: Deps) -> Secret:
    if problems := [*name_problems(draft.name), *value_problems(draft.value)]:
        raise InvalidFields(tuple(problems))
    now = deps.clock.now()
    secret = Secret(ids.new(SecretId), scope.org_id, draft.name, draft.description, 1, now, now)
    sealed = deps.sealer.seal(draft.value, sealing_context(scope.org_id, secret.name, 1))
    async with deps.uow() as tx:
        if not await store.insert_secret(tx, scope, secret, sealed):
            raise SecretNameTaken(draft.name)
        await _record(tx, scope, CREATED, secret)
    return secret


async def rotate_secret(scope: OrgScope, name: str, value: str, description: str | None, deps: Deps) -> Secret:
    """Replace the value; gateways use the new one as soon as they have the next snapshot, and the old one is gone."""
    if problems := value_problems(value):
        raise InvalidFields(tuple(problems))
    async with deps.uow() as tx:
        secret = await _found(tx, scope, name)
        rotated = replace(
            secret,
            version=secret.version + 1,
            updated_at=deps.clock.now(),
            description=secret.description if description is None else description,
        )
        sealed = deps.sealer.seal(value, sealing_context(scope.org_id, name, rotated.version))
        await store.replace_value(tx, scope, rotated, sealed)
        await _record(tx, scope, ROTATED, rotated)
        tx.nudge("snapshot")
    return rotated


async def delete_secret(scope: OrgScope, name: str, deps: Deps) -> None:
    async with deps.uow() as tx:
        secret = await _found(tx, scope, name)
        if secret.used_by:
            raise SecretInUse(name, len(secret.used_by))
        await store.delete_secret(tx, scope, secret.id)
        await _record(tx, scope, DELETED, secret)
        tx.nudge("snapshot")


async def list_secrets(scope: OrgScope, ask: PageAsk, deps: Deps) -> Page[Secret]:
    async with deps.read() as tx:
        return await store.list_secrets(tx, scope, ask)


async def use_secret(tx: Tx, scope: OrgScope, user: SecretUser, secret_name: str | None, *, field: str) -> None:
    """Say which secret `user` uses from now on (None: no longer any); part of the caller's transaction.

    field   name of the request's field, for the refusal when there is no such secret
    """
    before = await store.used_by(tx, scope, user.id)
    secret = None
    if secret_name is not None:
        secret = await store.load_secret(tx, scope, secret_name, lock=True)
        if secret is None:
            raise InvalidInput(field, f"there is no secret {secret_name!r}; create it first")
    await store.replace_uses(tx, scope, user, None if secret is None else secret.id)
    if secret is not None and before != secret.name:
        target = audit.Target("secret", secret.id, secret.name)
        detail = {"used_by": user.id, "version": secret.version}
        await audit.record(tx, scope, action="secret.use", target=target, outcome="ok", severity="INFO", detail=detail)


async def use_secrets(tx: Tx, scope: OrgScope, user: SecretUser, names: Collection[str]) -> set[str]:
    """Say which secrets `user` uses from now on; names that are no secrets are passed over. Answers with those that are."""
    before = await store.all_used_by(tx, scope, user.id)
    found = [secret for name in sorted(names) if (secret := await store.load_secret(tx, scope, name, lock=True))]
    await store.replace_all_uses(tx, scope, user, [secret.id for secret in found])
    for secret in found:
        if secret.name not in before:
            target = audit.Target("secret", secret.id, secret.name)
            detail = {"used_by": user.id, "version": secret.version}
            await audit.record(
                tx, scope, action="secret.use", target=target, outcome="ok", severity="INFO", detail=detail
            )
    return {secret.name for secret in found}


async def sealed_of(tx: Tx, scope: PlatformScope) -> dict[tuple[str, str], SealedSecret]:
    """Every secret in use by (org_id, name), still sealed."""
    return await store.load_sealed(tx, scope)


async def _found(tx: Tx, scope: OrgScope, name: str) -> Secret:
    await events.hold_log(tx, scope)
    secret = await store.load_secret(tx, scope, name, lock=True)
    if secret is None:
        raise NotFound("secret", name)
    return secret


async def _record(tx: Tx, scope: OrgScope, kind: str, secret: Secret) -> None:
    payload = {"secret_id": secret.id, "name": secret.name, "version": secret.version}
    await events.record(tx, scope, kind=kind, payload=payload)
    await audit.record(
        tx,
        scope,
        action=_ACTIONS[kind],
        target=audit.Target("secret", secret.id, secret.name),
        outcome="ok",
        severity="WARN" if kind == DELETED else "INFO",
        detail={"version": secret.version},
    )
