from typing import Annotated

from fastapi import APIRouter, Path

from portico.domains.vault import service
from portico.domains.vault.model import SecretDraft
from portico.domains.vault.wire import RotationAsk, SecretAsk, SecretWire, secret_wire
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs

router = APIRouter(prefix="/secrets", tags=["secrets"])
Name = Annotated[str, Path(min_length=1, max_length=63)]


@router.get("")
async def list_secrets(deps: DepsDep, page: PageDep, scope: OrgScope = needs("secrets.read")) -> Listing[SecretWire]:
    found = await service.list_secrets(scope, page, deps)
    return listing(found, lambda secret: secret_wire(secret, scope))


@router.post("", status_code=201)
async def create_secret(ask: SecretAsk, deps: DepsDep, scope: OrgScope = needs("secrets.manage")) -> SecretWire:
    draft = SecretDraft(ask.name, ask.value.get_secret_value(), ask.description)
    return secret_wire(await service.create_secret(scope, draft, deps), scope)


@router.put("/{name}")
async def rotate_secret(
    name: Name, ask: RotationAsk, deps: DepsDep, scope: OrgScope = needs("secrets.manage")
) -> SecretWire:
    value = ask.value.get_secret_value()
    return secret_wire(await service.rotate_secret(scope, name, value, ask.description, deps), scope)


@router.delete("/{name}", status_code=204)
async def delete_secret(name: Name, deps: DepsDep, scope: OrgScope = needs("secrets.manage")) -> None:
    await service.delete_secret(scope, name, deps)
