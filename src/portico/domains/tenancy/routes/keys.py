from fastapi import APIRouter, Response

from portico.domains.tenancy.model import Key, KeyStatus
from portico.domains.tenancy.service import keys as verbs
from portico.domains.tenancy.service.keys import KeyChange, KeyDraft
from portico.domains.tenancy.wire import IdText, KeyAsk, KeyPatch, KeyWire, NewKeyWire, RotateAsk, SearchText, key_wire
from portico.kernel.ids import KeyId
from portico.kernel.scope import OrgScope, ScopeName
from portico.platform.deps import Deps
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs

router = APIRouter(prefix="/keys", tags=["keys"])


@router.get("")
async def list_keys(
    deps: DepsDep,
    page: PageDep,
    q: SearchText | None = None,
    status: KeyStatus | None = None,
    scope: OrgScope = needs("keys.read"),
) -> Listing[KeyWire]:
    found = await verbs.list_keys(scope, page, q, status, deps)
    return listing(found, lambda key: key_wire(key, deps.clock.now()))


@router.post("", status_code=201)
async def create_key(
    ask: KeyAsk, response: Response, deps: DepsDep, scope: OrgScope = needs("keys.manage")
) -> NewKeyWire:
    draft = KeyDraft(
        name=ask.name,
        permissions=tuple(ask.permissions),
        services=None if ask.services is None else tuple(dict.fromkeys(ask.services)),
        rate_limit_per_minute=ask.rate_limit_per_minute,
        expires_in=ask.expires_in,
        scope=None if ask.scope is None else ScopeName(ask.scope),
    )
    key, secret = await verbs.create_key(scope, draft, deps)
    return _shown_once(key, secret, response, deps)


@router.get("/{key_id}")
async def find_key(key_id: IdText, deps: DepsDep, scope: OrgScope = needs("keys.read")) -> KeyWire:
    return key_wire(await verbs.find_key(scope, KeyId(key_id), deps), deps.clock.now())


@router.patch("/{key_id}")
async def update_key(key_id: IdText, ask: KeyPatch, deps: DepsDep, scope: OrgScope = needs("keys.manage")) -> KeyWire:
    change = KeyChange(
        name=ask.name,
        permissions=None if ask.permissions is None else tuple(ask.permissions),
        services=None if ask.services is None else tuple(dict.fromkeys(ask.services)),
        changes_services="services" in ask.model_fields_set,
        rate_limit_per_minute=ask.rate_limit_per_minute,
        changes_rate="rate_limit_per_minute" in ask.model_fields_set,
    )
    return key_wire(await verbs.change_key(scope, KeyId(key_id), change, deps), deps.clock.now())


@router.post("/{key_id}/rotate")
async def rotate_key(
    key_id: IdText,
    response: Response,
    deps: DepsDep,
    ask: RotateAsk | None = None,
    scope: OrgScope = needs("keys.manage"),
) -> NewKeyWire:
    key, secret = await verbs.rotate_key(scope, KeyId(key_id), (ask or RotateAsk()).overlap_s, deps)
    return _shown_once(key, secret, response, deps)


@router.post("/{key_id}/revoke")
async def revoke_key(key_id: IdText, deps: DepsDep, scope: OrgScope = needs("keys.manage")) -> KeyWire:
    return key_wire(await verbs.revoke_key(scope, KeyId(key_id), deps), deps.clock.now())


def _shown_once(key: Key, secret: str, response: Response, deps: Deps) -> NewKeyWire:
    response.headers["Cache-Control"] = "no-store"
    return NewKeyWire(**key_wire(key, deps.clock.now()).model_dump(), secret=secret)
