from typing import Annotated

from fastapi import APIRouter, Cookie, Response

from portico.domains.tenancy.errors import SignInEnded
from portico.domains.tenancy.routes.caller import Address, Caller, PerhapsCaller
from portico.domains.tenancy.service import invitations, me, session, sign_in
from portico.domains.tenancy.service import tickets as ticket_verbs
from portico.domains.tenancy.service.sign_in import SignedIn
from portico.domains.tenancy.wire import (
    AcceptAsk,
    MeWire,
    PasswordAsk,
    SignedInWire,
    SignInAsk,
    SwitchAsk,
    TicketWire,
    me_wire,
)
from portico.kernel.ids import OrgId
from portico.kernel.scope import ScopeName
from portico.platform.deps import Deps
from portico.platform.web import DepsDep

COOKIE = "portico_refresh"
# The refresh token goes nowhere but here, so no other route and no script ever sees it.
COOKIE_PATH = "/api/v1/auth"

router = APIRouter(prefix="/auth", tags=["auth"])
tickets = APIRouter(prefix="/ws-tickets", tags=["auth"])
RefreshCookie = Annotated[str | None, Cookie(alias=COOKIE, include_in_schema=False)]


@router.post("/sign-in")
async def sign_in_with_password(ask: SignInAsk, response: Response, address: Address, deps: DepsDep) -> SignedInWire:
    org_id = None if ask.org_id is None else OrgId(ask.org_id)
    signed_in = await sign_in.sign_in(ask.email, ask.password.get_secret_value(), org_id, address, deps)
    return await _answer(signed_in, response, deps)


@router.post("/refresh")
async def refresh_sign_in(
    response: Response, address: Address, deps: DepsDep, token: RefreshCookie = None
) -> SignedInWire:
    if token is None:
        raise SignInEnded
    return await _answer(await session.refresh(token, address, deps), response, deps)


@router.post("/switch")
async def switch_scope(ask: SwitchAsk, response: Response, caller: Caller, deps: DepsDep) -> SignedInWire:
    moved = await session.switch(caller, OrgId(ask.org_id), ScopeName(ask.scope), deps)
    return await _answer(moved, response, deps)


@router.post("/sign-out", status_code=204)
async def sign_out(response: Response, caller: PerhapsCaller, deps: DepsDep, token: RefreshCookie = None) -> None:
    """Works with the access token, the refresh cookie, or both."""
    await session.sign_out(caller, token, deps)
    secure = deps.settings.security.secure_cookies
    response.delete_cookie(COOKIE, path=COOKIE_PATH, secure=secure, httponly=True, samesite="strict")


@router.get("/me")
async def who_am_i(caller: Caller, deps: DepsDep) -> MeWire:
    return me_wire(await me.describe(caller, deps))


@router.post("/password", status_code=204)
async def change_password(ask: PasswordAsk, caller: Caller, deps: DepsDep) -> None:
    current, new = ask.current_password.get_secret_value(), ask.new_password.get_secret_value()
    await session.change_password(caller, current, new, deps)


@router.post("/invitations/accept")
async def accept_invitation(ask: AcceptAsk, response: Response, address: Address, deps: DepsDep) -> SignedInWire:
    token, password = ask.token.get_secret_value(), ask.password.get_secret_value()
    signed_in = await invitations.accept_invitation(token, ask.name, password, address, deps)
    return await _answer(signed_in, response, deps)


@tickets.post("", status_code=201)
async def create_ticket(caller: Caller, response: Response, deps: DepsDep) -> TicketWire:
    ticket = await ticket_verbs.issue_ticket(caller, deps)
    response.headers["Cache-Control"] = "no-store"
    return TicketWire(ticket=ticket.word, expires_at=ticket.expires_at)


async def _answer(signed_in: SignedIn, response: Response, deps: Deps) -> SignedInWire:
    response.headers["Cache-Control"] = "no-store"
    if signed_in.refresh_token is not None:
        response.set_cookie(
            COOKIE,
            signed_in.refresh_token,
            max_age=deps.settings.security.refresh_token_s,
            path=COOKIE_PATH,
            secure=deps.settings.security.secure_cookies,
            httponly=True,
            samesite="strict",
        )
    return SignedInWire(
        access_token=signed_in.access_token,
        expires_in_s=signed_in.expires_in_s,
        me=me_wire(await me.describe(signed_in.identity, deps)),
    )
