"""Two orgs in one installation: one with something of everything, and a stranger who is an admin, but of the other."""

from dataclasses import dataclass, field
from typing import Any

import httpx2
from sqlalchemy import select

from portico.domains.consumers import letter_store
from portico.domains.consumers import public as consumers
from portico.domains.consumers import store as consumer_store
from portico.domains.consumers.model import DeadLetter, Parked
from portico.domains.events import archive
from portico.domains.events import public as events
from portico.domains.notices import public as notices
from portico.domains.tenancy import public as tenancy
from portico.domains.tools import public as tools
from portico.domains.usage import public as usage
from portico.jobs.consume import attempt, wants
from portico.kernel import ids
from portico.kernel.ids import DeadLetterId, OrgId
from portico.platform.db import metadata
from portico.platform.deps import Deps
from tests.agents.furnishing import furnish_agents
from tests.usage import journals

API = "/api/v1"
PASSWORD = "correct horse battery staple"
# Rows that belong to nobody's lists: counters and what the gateways' books are kept with.
NOT_LISTED = {
    "org_sequences",
    "event_cursors",
    "audit_heads",
    "budget_use",
    "call_totals",
    "open_reservations",
    "ws_tickets",
    "sign_ins",
    "notice_marks",
    "notice_reads",
}


@dataclass
class Org:
    """`known` maps a path parameter to what the org has for it."""

    id: str
    owner: str
    known: dict[str, str] = field(default_factory=dict)


class Person:
    def __init__(self, client: httpx2.AsyncClient, token: str | None) -> None:
        self._client, self.token = client, token

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        # The jar would carry one person's refresh cookie into the next one's request.
        self._client.cookies.clear()
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        return await self._client.request(method, API + path, json=body, headers=headers, **more)

    async def get_done(self, method: str, path: str, body: Any = None) -> Any:
        response = await self.ask(method, path, body)
        assert response.status_code < 300, f"{method} {path}: {response.text}"
        return response.json() if response.content else None


async def sign_in(client: httpx2.AsyncClient, email: str) -> Person:
    done = await Person(client, None).get_done("POST", "/auth/sign-in", {"email": email, "password": PASSWORD})
    return Person(client, done["access_token"])


async def found_platform(deps: Deps, client: httpx2.AsyncClient) -> tuple[str, Person]:
    """The installation's superadmin, who belongs to neither org."""
    seeded = await tenancy.seed_owner(deps, "Otter", "otter", "ole@otter.example", "Ole Otter", PASSWORD)
    return seeded.person_id, await sign_in(client, "ole@otter.example")


async def found_org(client: httpx2.AsyncClient, superadmin: Person, name: str, owner: str) -> tuple[Org, Person]:
    """A new org and its owner: every permission there is, but only inside it."""
    body = {"name": name, "slug": name.lower(), "owner_email": f"{owner.lower()}@{name.lower()}.example"}
    founded = await superadmin.get_done("POST", "/orgs", body)
    accept = {"token": founded["invitation_token"], "name": f"{owner} {name}", "password": PASSWORD}
    accepted = await Person(client, None).get_done("POST", "/auth/invitations/accept", accept)
    return Org(founded["id"], accepted["me"]["person"]["id"]), Person(client, accepted["access_token"])


async def furnish(org: Org, owner: Person, deps: Deps) -> None:
    """Something of everything that an org can have."""
    key = await owner.get_done("POST", "/keys", {"name": "zebra-bot", "permissions": ["services.call"]})
    await owner.get_done("POST", "/secrets", {"name": "zebra-secret", "value": "stripes-stripes"})
    await owner.get_done("POST", "/scopes", {"name": "ZEBRA-LAB", "description": "zebra experiments"})
    draft = {
        "name": "zebra-pricing",
        "kind": "http",
        "url": "http://127.0.0.1:9",
        "description": "zebra prices",
        "visibility": "org",
        "credential": {"secret_name": "zebra-secret"},
        "methods": [{"name": "zebra_quote", "path": "/quote"}],
    }
    service = await owner.get_done("POST", "/services", draft)
    hidden = await owner.get_done("POST", "/services", {**draft, "name": "zebra-hidden", "visibility": "restricted"})
    lease = {"url": "http://127.0.0.1:10", "ttl_s": 600}
    leased = await owner.get_done("POST", "/services/zebra-pricing/leases", lease)
    model_draft = {"name": "zebra-ai", "kind": "model", "url": "http://127.0.0.1:9", "models": ["zebra-model"]}
    await owner.get_done("POST", "/services", model_draft)
    await owner.get_done("PATCH", "/models/zebra-model", {"quality": 5, "note": "zebra-note"})
    rule = {"name": "zebra-rule", "targets": ["zebra-model"]}
    limit = {"name": "zebra-limit", "subject_kind": "org", "rate": 10, "per_s": 1}
    budget = {"name": "zebra-budget", "subject_kind": "org", "measure": "money", "window": "day", "limit": 1_000_000}
    grant = {
        "principal_kind": "key",
        "principal_id": key["id"],
        "resource_kind": "service",
        "resource_id": hidden["id"],
        "permission": "services.call",
    }
    invitation = {"email": "zack@zebra.example", "role": "viewer"}
    hook = await owner.get_done("POST", "/webhooks", {"name": "zebra-hook", "url": "http://127.0.0.1:9/zebra-hook"})
    webhook_id = hook["webhook"]["id"]
    dashboard_id, proposal_id = await furnish_dashboard(owner)
    org.known = {
        "org_id": org.id,
        "person_id": org.owner,
        "key_id": key["id"],
        "name": "zebra-pricing",
        "version": "v1",
        "endpoint_id": service["versions"][0]["endpoints"][0]["id"],
        "lease_id": leased["lease_id"],
        "limit_id": (await owner.get_done("POST", "/limits", limit))["id"],
        "model": "zebra-model",
        "route_id": (await owner.get_done("POST", "/models/routes", {"name": "zebra-route", "rules": [rule]}))["id"],
        "budget_id": (await owner.get_done("POST", "/budgets", budget))["id"],
        "grant_id": (await owner.get_done("POST", "/grants", grant))["id"],
        **await furnish_log(owner, OrgId(org.id), deps),
        "webhook_id": webhook_id,
        "delivery_id": (await owner.get_done("POST", f"/webhooks/{webhook_id}/test"))["delivery_id"],
        "invitation_id": (await owner.get_done("POST", "/invitations", invitation))["id"],
        "dashboard_id": dashboard_id,
        "proposal_id": proposal_id,
        "call_id": await record_call(deps, OrgId(org.id), key["id"], service["id"]),
    }
    org.known |= await furnish_tools(owner, OrgId(org.id), deps)
    org.known |= await furnish_agents(owner, OrgId(org.id), deps)
    org.known["notice_id"] = await tell(deps, OrgId(org.id), org.known["budget_id"])


async def furnish_log(owner: Person, org_id: OrgId, deps: Deps) -> dict[str, str]:
    """An event from outside under a type of the org's own, that waits for one consumer and is dead for another."""
    await owner.get_done("PUT", "/event-types/foal.born", {"summary": "A zebra was born.", "schema": {}})
    born = {
        "specversion": "1.0",
        "id": "zebra-1",
        "source": "zebra-farm",
        "type": "foal.born",
        "data": {"name": "zebra-foal"},
    }
    event_id = (await owner.get_done("POST", "/events", born))["event"]["id"]
    scope, now = tenancy.open_system_scope(org_id), deps.clock.now()
    await consumers.consume(consumers.Following((consumers.EventCounts(),)), consumers.Hands(wants, attempt), deps)
    async with deps.uow() as tx:
        event = await events.load_event(tx, scope, event_id)
        assert event is not None
        letter = DeadLetter(ids.new(DeadLetterId), "zebra-dead", event, None, "zebra-error", 4, now, now)
        await letter_store.insert_letter(tx, scope, letter)
        await consumer_store.park(tx, scope, [Parked.of("zebra-parked", event)])
    # As retention would have left it.
    archive.write(archive.folder_of(deps.settings.data_dir, org_id), [event])
    archive_id = f"{event.at:%Y-%m-%d}-{event.seq}-{event.seq}"
    return {
        "event_id": event_id,
        "dead_letter_id": letter.id,
        "event_type": "foal.born",
        "archive_id": archive_id,
    }


async def furnish_tools(owner: Person, org_id: OrgId, deps: Deps) -> dict[str, str]:
    """A tool server with a tool that waits for approval, and a policy."""
    draft = {"name": "zebra-tools", "kind": "tools", "url": "http://127.0.0.1:9/mcp"}
    server = await owner.get_done("POST", "/services", draft)
    await owner.get_done("PUT", "/tools/servers/zebra-tools/terms", {"first_seen": "quarantine"})
    await owner.get_done("PUT", "/tools/terms", {"quarantine_always": True})
    definition = b'{"name": "zebra_count", "description": "Counts zebras.", "inputSchema": {"type": "object"}}'
    await tools.note_seen(org_id, tools.Seen(server["id"], tools.sighted([definition]), True, "listing"), deps)
    policy = {"name": "zebra-policy", "effect": "deny", "expression": "tool.name == 'zebra_count'"}
    (tool,) = (await owner.get_done("GET", "/tools"))["items"]
    made = await owner.get_done("POST", "/policies", policy)
    local = {"name": "zebra-local", "command": "zebra-server", "env": {"ZEBRA": "striped"}}
    await owner.get_done("POST", "/tools/servers", local)
    return {"server": "zebra-tools", "local_server": "zebra-local", "tool_id": tool["id"], "policy_id": made["id"]}


async def furnish_dashboard(owner: Person) -> tuple[str, str]:
    """A shared dashboard that was changed once, and something proposed for it."""
    made = await owner.get_done("POST", "/dashboards", {"name": "zebra-board", "shared": "org"})
    patch = [{"op": "add", "path": "/view/step", "value": "zebra-step"}]
    await owner.get_done("PATCH", f"/dashboards/{made['id']}/state", {"version": 1, "patch": patch})
    widgets = [{"type": "Calls", "title": "zebra-calls", "options": {}}]
    offer = {"title": "zebra-offer", "widgets": widgets}
    offered = await owner.get_done("POST", f"/dashboards/{made['id']}/compose", offer)
    return made["id"], offered["id"]


async def record_call(deps: Deps, org_id: OrgId, key_id: str, service_id: str) -> str:
    """A call as a gateway would have written it down."""
    line = journals.call(
        trace=f"{'4' * 32}-{'5' * 16}",
        org_id=org_id,
        principal_id=key_id,
        principal_name="zebra-bot",
        service_id=service_id,
        service="zebra-pricing",
    )
    journals.append(deps.settings.data_dir / "journal", journals.lines(journals.opening("e1"), line))
    await usage.fold_journals(deps)
    return line.id


async def tell(deps: Deps, org_id: OrgId, budget_id: str) -> str:
    """A notice, as the consumer of the log would have made it."""
    scope = tenancy.open_system_scope(org_id)
    payload = {"budget_id": budget_id, "name": "zebra-budget", "measure": "money", "limit": 1, "used": 1}
    payload |= {"used_percent": 100.0, "resets_at": "2026-01-02T00:00:00+00:00"}
    async with deps.uow() as tx:
        event = await events.record(tx, scope, kind="budget.exhausted.v1", payload=payload)
        await notices.TellPeople().consume(tx, scope, event)
    return notices.notice_id(event.id)


async def rows_of(deps: Deps, org_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that belongs to the org."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    async with deps.read() as tx:
        for table in metadata.sorted_tables:
            if "org_id" in table.columns:
                result = await tx.execute(select(table).where(table.c.org_id == org_id))
                found[table.name] = sorted((tuple(row) for row in result), key=repr)
    return found


def words_of(rows: dict[str, list[tuple[Any, ...]]]) -> set[str]:
    """The ids and names that must not leave the org; what every org has alike is left out."""
    alike = {"v1", "ENTERPRISE", "DEVELOPMENT", "LOCAL-SANDBOX", "system"}
    texts = {value for table in rows.values() for row in table for value in row if isinstance(value, str)}
    return {
        text for text in texts - alike if "zebra" in text.lower() or text.startswith(("org_", "per_", "key_", "svc_"))
    }
