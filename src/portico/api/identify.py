"""Who asks: the bearer credential becomes an identity before the route runs; without one, only the public list is served."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.model import Identity
from portico.kernel.errors import BadKey, MissingCredentials, Refusal
from portico.platform.deps import Deps

Authenticate = Callable[[Deps, str, str | None], Awaitable[Identity]]

API = "/api/v1"
# Everything else below the API needs a credential. These are for people who do not have one yet, or whose cookie speaks.
PUBLIC = frozenset(
    {
        ("POST", f"{API}/auth/sign-in"),
        ("POST", f"{API}/auth/refresh"),
        ("POST", f"{API}/auth/sign-out"),
        ("POST", f"{API}/auth/invitations/accept"),
    }
)
# Signing out uses the access token if it still holds, and must not fail when it no longer does.
_TOLERANT = (("POST", f"{API}/auth/sign-out"),)
_MOST_CREDENTIAL_CHARS = 8192


class Identify:
    """Sets `request.state.scope`, `.identity` and `.address`."""

    def __init__(self, app: ASGIApp, *, door: FastAPI, authenticate: Authenticate = tenancy.authenticate) -> None:
        self.app, self.door, self.authenticate = app, door, authenticate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope["state"]
        state["address"] = address = client_address(scope)
        state["identity"] = state["scope"] = None
        if scope["path"].startswith(API):
            identity = await self._identity(scope, address)
            if identity is not None:
                state["identity"], state["scope"] = identity, identity.scope
        await self.app(scope, receive, send)

    async def _identity(self, scope: Scope, address: str | None) -> Identity | None:
        asked = (scope["method"], scope["path"])
        if asked in PUBLIC and asked not in _TOLERANT:
            return None
        try:
            credential = _bearer(Headers(scope=scope).get("authorization"))
            if credential:
                return await self.authenticate(self.door.state.deps, credential, address)
        except Refusal:
            if asked not in _TOLERANT:
                raise
        if asked not in PUBLIC and self._is_served(scope):
            raise MissingCredentials
        return None

    def _is_served(self, scope: Scope) -> bool:
        """An unknown path is 404 for everybody; only what exists asks for a credential."""
        probe = {**scope}
        return any(route.matches(probe)[0] is Match.FULL for route in self.door.router.routes)


def client_address(scope: Scope) -> str | None:
    """The peer; behind our gateway, which is the only one on the local socket, what the gateway says the peer is."""
    client: tuple[str, int] | None = scope.get("client")
    if client is not None:
        return client[0]
    # The gateway writes this header itself and lets none through that a client sent.
    return Headers(scope=scope).get("x-portico-address", "").strip()[:64] or None


def _bearer(header: str | None) -> str:
    if header is None:
        return ""
    kind, _, credential = header.partition(" ")
    if kind.lower() != "bearer" or not credential.strip() or len(credential) > _MOST_CREDENTIAL_CHARS:
        raise BadKey
    return credential.strip()
