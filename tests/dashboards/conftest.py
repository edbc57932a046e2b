"""An org with an owner and a second person, and a dashboard to work on."""

from dataclasses import dataclass
from typing import Any

import pytest
from argon2 import PasswordHasher

from portico.domains.dashboards import service
from portico.domains.dashboards.model import Dashboard, DashboardDraft
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.model import ROLE_PERMISSIONS, Role
from portico.domains.tenancy.service import passwords as password_work
from portico.domains.tenancy.service.authority import open_scope
from portico.kernel.ids import OrgId
from portico.kernel.scope import ENTERPRISE, Actor, OrgScope, ScopeName
from portico.platform.deps import Deps

TAB = "0b8f4f0e-6d4e-4f0a-9f8e-0123456789ab"
OTHER_TAB = "1b8f4f0e-6d4e-4f0a-9f8e-0123456789ab"


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm at the least cost."""
    monkeypatch.setattr(password_work.passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@dataclass
class People:
    """Scopes of those who work with dashboards; Ann and Ben are of one org, Zoe is of another."""

    ann: OrgScope
    ben: OrgScope
    zoe: OrgScope


def person(org_id: OrgId, person_id: str, name: str, role: Role = "operator", scope: str = ENTERPRISE) -> OrgScope:
    actor = Actor("person", person_id, name)
    return open_scope(org_id, ScopeName(scope), actor, ROLE_PERMISSIONS[role])


@pytest.fixture
async def people(deps: Deps) -> People:
    acme = await tenancy.seed_owner(deps, "Acme", "acme", "ann@acme.example", "Ann", "a long enough password")
    zebra = await tenancy.seed_owner(deps, "Zebra", "zebra", "zoe@zebra.example", "Zoe", "a long enough password")
    return People(
        person(acme.org_id, acme.person_id, "Ann"),
        person(acme.org_id, "per_ben", "Ben"),
        person(zebra.org_id, zebra.person_id, "Zoe", "admin"),
    )


@pytest.fixture
async def board(deps: Deps, people: People) -> Dashboard:
    """Ann's, shared with the org, with two widgets."""
    draft = DashboardDraft("Operations", shared="org", state=state_with("w1", "w2"))
    return await service.create_dashboard(people.ann, draft, deps)


def widget(name: str, title: str = "Calls", **more: Any) -> dict[str, Any]:
    place = {"x": 0, "y": 0, "w": 6, "h": 4}
    return {"id": name, "type": "Calls", "title": title, "place": place, "options": {}} | more


def state_with(*names: str) -> dict[str, Any]:
    widgets = {name: widget(name) for name in names}
    return {"schema": 1, "layout": "grid", "order": list(names), "widgets": widgets, "view": {}}


def retitle(name: str, title: str) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": f"/widgets/{name}/title", "value": title}]
