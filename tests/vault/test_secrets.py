import pytest
from cryptography.exceptions import InvalidTag

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.vault import public as vault
from portico.domains.vault import service
from portico.domains.vault.errors import SecretInUse, SecretNameTaken
from portico.domains.vault.tables import secrets
from portico.domains.vault.wire import RotationAsk, SecretAsk, secret_wire
from portico.kernel.errors import InvalidFields, InvalidInput, NotFound
from portico.kernel.paging import PageAsk, decode_cursor
from portico.kernel.scope import SYSTEM, PlatformScope
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN, DEVELOPER, STRANGER, caller

PLATFORM = PlatformScope(SYSTEM)
DRAFT = vault.SecretDraft("openai", "sk-top-secret", "The provider's key")
INVENTORY = vault.SecretUser("svc_1", "inventory", restricted=False)


async def use(deps: Deps, user: vault.SecretUser, name: str | None, scope: object = ADMIN) -> None:
    async with deps.uow() as tx:
        await vault.use_secret(tx, scope, user, name, field="credential.secret_name")  # type: ignore[arg-type]


@pytest.mark.req("SP23")
async def test_a_value_is_stored_sealed_and_opens_only_in_its_place(deps: Deps) -> None:
    await vault.create_secret(ADMIN, DRAFT, deps)
    async with deps.read() as tx:
        row = (await tx.execute(secrets.select())).one()
    assert b"sk-top-secret" not in row.sealed
    assert "sk-top-secret" not in repr(row)
    await use(deps, INVENTORY, "openai")
    async with deps.read() as tx:
        sealed = (await vault.sealed_of(tx, PLATFORM))[ADMIN.org_id, "openai"]
    assert deps.sealer.open(sealed.sealed, sealed.context) == "sk-top-secret"
    with pytest.raises(InvalidTag):
        deps.sealer.open(sealed.sealed, sealed.context.replace("openai", "other"))


@pytest.mark.req("SP23")
async def test_a_value_never_comes_back(deps: Deps) -> None:
    made = await vault.create_secret(ADMIN, DRAFT, deps)
    rotated = await service.rotate_secret(ADMIN, "openai", "sk-n3w", None, deps)
    listed = await service.list_secrets(ADMIN, PageAsk(), deps)
    found = await audit.search_audit(ADMIN, audit.Search(), PageAsk(), deps)
    async with deps.read() as tx:
        _, told = await events.recent_events(tx, ADMIN, 10)
    shown = repr((made, rotated, listed, found, told, DRAFT, secret_wire(rotated, ADMIN)))
    asks = repr((SecretAsk(name="a", value="sk-n3w"), RotationAsk(value="sk-n3w")))  # type: ignore[arg-type]
    assert "sk-" not in shown + asks
    assert [event.kind for event in told] == ["secret.rotated.v1", "secret.created.v1"]
    assert [entry.action for entry in found.items] == ["secret.rotate", "secret.create"]


@pytest.mark.req("SP23")
async def test_a_rotation_replaces_the_value_and_destroys_the_old_one(deps: Deps) -> None:
    await vault.create_secret(ADMIN, DRAFT, deps)
    await use(deps, INVENTORY, "openai")
    nudged = deps.bus.listen("snapshot")
    rotated = await service.rotate_secret(ADMIN, "openai", "sk-n3w", "New one", deps)
    assert (rotated.version, rotated.description, nudged.is_set()) == (2, "New one", True)
    async with deps.read() as tx:
        sealed = (await vault.sealed_of(tx, PLATFORM))[ADMIN.org_id, "openai"]
        rows = (await tx.execute(secrets.select())).all()
    assert deps.sealer.open(sealed.sealed, sealed.context) == "sk-n3w"
    assert len(rows) == 1


@pytest.mark.req("SP23")
async def test_a_secret_in_use_stays_until_nothing_uses_it(deps: Deps) -> None:
    await vault.create_secret(ADMIN, DRAFT, deps)
    await use(deps, INVENTORY, "openai")
    with pytest.raises(SecretInUse):
        await service.delete_secret(ADMIN, "openai", deps)
    await use(deps, INVENTORY, None)
    await service.delete_secret(ADMIN, "openai", deps)
    assert (await service.list_secrets(ADMIN, PageAsk(), deps)).items == []


@pytest.mark.req("SP23")
async def test_first_use_is_audited_and_repeating_it_is_not(deps: Deps) -> None:
    await vault.create_secret(ADMIN, DRAFT, deps)
    await use(deps, INVENTORY, "openai")
    await use(deps, INVENTORY, "openai")
    found = await audit.search_audit(ADMIN, audit.Search(action="secret.use"), PageAsk(), deps)
    assert len(found.items) == 1


async def test_only_secrets_in_use_reach_a_gateway(deps: Deps) -> None:
    await vault.create_secret(ADMIN, DRAFT, deps)
    async with deps.read() as tx:
        assert await vault.sealed_of(tx, PLATFORM) == {}


async def test_a_stranger_has_secrets_of_their_own(deps: Deps) -> None:
    await vault.create_secret(ADMIN, DRAFT, deps)
    with pytest.raises(NotFound):
        await service.rotate_secret(STRANGER, "openai", "x", None, deps)
    with pytest.raises(NotFound):
        await service.delete_secret(STRANGER, "openai", deps)
    with pytest.raises(InvalidInput):
        await use(deps, INVENTORY, "openai", STRANGER)
    assert (await service.list_secrets(STRANGER, PageAsk(), deps)).items == []
    await vault.create_secret(STRANGER, DRAFT, deps)
    with pytest.raises(SecretNameTaken):
        await vault.create_secret(ADMIN, DRAFT, deps)


async def test_the_name_of_a_restricted_service_shows_only_to_those_who_see_it(deps: Deps) -> None:
    await vault.create_secret(ADMIN, DRAFT, deps)
    await use(deps, INVENTORY, "openai")
    await use(deps, vault.SecretUser("svc_2", "plans", restricted=True), "openai")
    secret = (await service.list_secrets(ADMIN, PageAsk(), deps)).items[0]
    assert secret_wire(secret, ADMIN).used_by == ["inventory", "plans"]
    assert secret_wire(secret, DEVELOPER).used_by == ["inventory"]
    granted = caller("developer", granted=(("svc_2", "services.read"),))
    assert secret_wire(secret, granted).used_by == ["inventory", "plans"]


@pytest.mark.parametrize(
    ("field", "draft"),
    [
        ("name", vault.SecretDraft("", "v")),
        ("name", vault.SecretDraft("a/b", "v")),
        ("name", vault.SecretDraft("x" * 64, "v")),
        ("value", vault.SecretDraft("a", "")),
        ("value", vault.SecretDraft("a", "v\r\nX-Admin: 1")),
        ("value", vault.SecretDraft("a", "v" * 16_385)),
    ],
)
async def test_a_secret_that_cannot_be_sent_is_refused(deps: Deps, field: str, draft: vault.SecretDraft) -> None:
    with pytest.raises(InvalidFields) as refused:
        await vault.create_secret(ADMIN, draft, deps)
    assert [problem.field for problem in refused.value.fields] == [field]


async def test_secrets_are_listed_in_pages_by_name(deps: Deps) -> None:
    for name in ("c", "a", "b"):
        await vault.create_secret(ADMIN, vault.SecretDraft(name, "v"), deps)
    first = await service.list_secrets(ADMIN, PageAsk(2), deps)
    second = await service.list_secrets(ADMIN, PageAsk(2, decode_cursor(first.next_cursor)), deps)
    assert [[each.name for each in page.items] for page in (first, second)] == [["a", "b"], ["c"]]
    assert (first.total, second.next_cursor) == (3, None)
