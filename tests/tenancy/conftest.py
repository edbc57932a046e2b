"""Tenancy over HTTP: an app of just its routers, with what the API door does around them in a few lines."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from httpx2 import ASGITransport, AsyncClient, Response

from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.routes import routers
from portico.domains.tenancy.service import passwords as password_work
from portico.domains.tenancy.service.authority import PLATFORM
from portico.kernel.clock import ManualClock
from portico.kernel.errors import Refusal
from portico.kernel.ids import OrgId
from portico.platform.deps import Deps

PASSWORD = "correct horse battery"
ADDRESS = "203.0.113.7"


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm at the least cost, so that a hundred sign-ins do not take a minute."""
    monkeypatch.setattr(password_work.passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def _app(deps: Deps) -> FastAPI:
    async def door(request: Request) -> None:
        request.state.address = request.headers.get("x-test-address", ADDRESS)
        header = request.headers.get("authorization", "")
        if header:
            identity = await tenancy.authenticate(deps, header.removeprefix("Bearer "), request.state.address)
            request.state.identity, request.state.scope = identity, identity.scope

    app = FastAPI(dependencies=[Depends(door)])
    app.state.deps = deps

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> JSONResponse:
        return JSONResponse({"code": refusal.code, "message": refusal.message}, refusal.row.status)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        # Never the input: it may be a password.
        fields = [".".join(str(part) for part in each["loc"][1:]) for each in error.errors()]
        return JSONResponse({"code": "INVALID_INPUT", "fields": fields}, 400)

    for router in routers:
        app.include_router(router, prefix="/api/v1")
    return app


class Someone:
    """One who calls: a person's access token or a key, or nobody."""

    def __init__(self, client: AsyncClient, credential: str | None) -> None:
        self._client, self.credential = client, credential

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        # A browser's cookie jar would carry one person's refresh token into the next one's request.
        self._client.cookies.clear()
        if self.credential is not None:
            headers["Authorization"] = f"Bearer {self.credential}"
        content = None if body is None else json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
        return await self._client.request(method, f"/api/v1{path}", content=content, headers=headers)

    async def get(self, path: str) -> Any:
        return await self._expect(200, "GET", path, None)

    async def post(self, path: str, body: Any = None, status: int = 201) -> Any:
        return await self._expect(status, "POST", path, body)

    async def patch(self, path: str, body: Any) -> Any:
        return await self._expect(200, "PATCH", path, body)

    async def delete(self, path: str) -> None:
        await self._expect(204, "DELETE", path, None)

    async def refused(self, status: int, method: str, path: str, body: Any = None) -> Any:
        return await self._expect(status, method, path, body)

    async def _expect(self, status: int, method: str, path: str, body: Any) -> Any:
        answer = await self.ask(method, path, body)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


class World:
    """Acme with its owner Ann, who is superadmin; more people and orgs as a test asks for them."""

    def __init__(self, deps: Deps, clock: ManualClock, client: AsyncClient) -> None:
        self.deps, self.clock, self.client = deps, clock, client
        self.nobody = Someone(client, None)
        self.acme_id = OrgId("")

    def holding(self, credential: str) -> Someone:
        return Someone(self.client, credential)

    async def sign_in(
        self, email: str, password: str = PASSWORD, org_id: str | None = None, address: str = ADDRESS
    ) -> Response:
        body = {"email": email, "password": password} | ({} if org_id is None else {"org_id": org_id})
        return await self.nobody.ask("POST", "/auth/sign-in", body, **{"X-Test-Address": address})

    async def person(self, email: str, org_id: str | None = None) -> Someone:
        answer = await self.sign_in(email, org_id=org_id)
        assert answer.status_code == 200, answer.text
        return self.holding(answer.json()["access_token"])

    async def refresh(self, token: str) -> Response:
        return await self.nobody.ask("POST", "/auth/refresh", Cookie=f"portico_refresh={token}")

    async def join(self, admin: Someone, email: str, role: str) -> Someone:
        """Invite and accept."""
        invited = await admin.post("/invitations", {"email": email, "role": role})
        return await self.accept(invited["token"], email.split("@")[0])

    async def accept(self, token: str, name: str) -> Someone:
        body = {"token": token, "name": name, "password": PASSWORD}
        signed_in = await self.nobody.post("/auth/invitations/accept", body, 200)
        return self.holding(signed_in["access_token"])

    async def org(self, slug: str, owner_email: str) -> tuple[str, Someone]:
        """Another org with a new owner; made by the superadmin."""
        ann = await self.person("ann@acme.example")
        made = await ann.post("/orgs", {"name": slug.title(), "slug": slug, "owner_email": owner_email})
        return made["id"], await self.accept(made["invitation_token"], owner_email.split("@")[0])

    async def entries(self) -> tenancy.SnapshotEntries:
        async with self.deps.read() as tx:
            return await tenancy.snapshot_entries(tx, PLATFORM)


@pytest.fixture
async def world(deps: Deps, clock: ManualClock) -> AsyncIterator[World]:
    async with AsyncClient(transport=ASGITransport(_app(deps)), base_url="http://portico.test") as client:
        world = World(deps, clock, client)
        seeded = await tenancy.seed_owner(deps, "Acme", "acme", "ann@acme.example", "Ann", PASSWORD)
        world.acme_id = seeded.org_id
        yield world


@pytest.fixture
async def ann(world: World) -> Someone:
    return await world.person("ann@acme.example")


Joiner = Callable[[str, str], Awaitable[Someone]]


@pytest.fixture
def join(world: World, ann: Someone) -> Joiner:
    async def join(email: str, role: str) -> Someone:
        return await world.join(ann, email, role)

    return join
