"""What becomes of an org's things by itself, through no route: each kind of event that only Portico records, made to happen."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from portico.domains.dashboards import public as dashboards
from portico.domains.dashboards.model import DashboardDraft
from portico.domains.dashboards.service import create_dashboard
from portico.domains.hub import public as hub
from portico.domains.hub.leases import take_lease
from portico.domains.limits import public as limits
from portico.domains.limits.model import window_start
from portico.domains.limits.service import create_budget
from portico.domains.limits.terms import BudgetDraft
from portico.domains.models import public as models
from portico.domains.models.registry import update_model
from portico.domains.tenancy import public as tenancy
from portico.domains.tools import public as tools
from portico.domains.webhooks.model import WebhookDraft
from portico.domains.webhooks.service import create_webhook, disable_webhook
from portico.kernel.clock import ManualClock
from portico.kernel.paging import PageAsk
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from tests.dashboards.conftest import state_with
from tests.hub.test_health import Upstreams

DAY_S = 86_400.0


@contextmanager
def days_ago(deps: Deps, days: float) -> Iterator[None]:
    """So that the time since then need not pass: whoever is signed in stays so."""
    _advance(deps, -days * DAY_S)
    try:
        yield
    finally:
        _advance(deps, days * DAY_S)


def _advance(deps: Deps, seconds: float) -> None:
    assert isinstance(deps.clock, ManualClock)
    deps.clock.advance(seconds=seconds)


async def spend_a_budget(owner: OrgScope, deps: Deps) -> None:
    draft = BudgetDraft("twenty calls", "org", None, "calls", "day", 20)
    budget = (await create_budget(owner, draft, deps)).budget
    start = window_start("day", deps.clock.now())
    for amount in (16, 3, 1):
        async with deps.uow() as tx:
            await limits.charge(tx, tenancy.platform_scope(), [limits.BudgetCharge(budget.id, start, amount)])


async def let_a_key_come_near_its_end(owner: OrgScope, deps: Deps) -> None:
    with days_ago(deps, 10):
        await tenancy.create_key(owner, tenancy.KeyDraft("old", ("services.call",), expires_in="15d"), deps)
    await tenancy.tell_expiring_keys(tenancy.platform_scope(), deps)


async def leave_a_dashboard_alone(owner: OrgScope, deps: Deps) -> None:
    with days_ago(deps, 31):
        await create_dashboard(owner, DashboardDraft("forgotten", state=state_with("w1")), deps)
    await dashboards.purge_dashboards(tenancy.platform_scope(), deps)


async def lose_an_endpoint_of_a_webhook(owner: OrgScope, deps: Deps) -> None:
    made = await create_webhook(owner, WebhookDraft("gone", "https://hooks.example/gone"), deps)
    assert await disable_webhook(owner, made.seen.webhook.id, "The endpoint is gone.", deps)


async def let_a_service_fail_and_come_back(owner: OrgScope, deps: Deps) -> None:
    draft = hub.ServiceDraft("moody", "http", "http://127.0.0.1:9005/moody", visibility="org")
    await hub.create_service(owner, draft, deps)
    for status in (200, 200, 500, 500, 500, 200, 200):
        _advance(deps, 30)
        await hub.check_health(deps, Upstreams(moody=status))


async def let_a_lease_run_out(owner: OrgScope, deps: Deps) -> None:
    await hub.create_service(owner, hub.ServiceDraft("leased", "http", "http://127.0.0.1:9006"), deps)
    with days_ago(deps, 1):
        await take_lease(owner, "leased", "http://127.0.0.1:9007", None, 60, deps)
    await hub.expire_leases(deps)


async def let_a_server_change_what_it_offers(owner: OrgScope, deps: Deps) -> None:
    made = await hub.create_service(owner, hub.ServiceDraft("wavering", "tools", "http://127.0.0.1:9008/mcp"), deps)

    async def shows(*definitions: bytes) -> None:
        seen = tools.Seen(made.id, tools.sighted(definitions), True, "listing")
        await tools.note_seen(owner.org_id, seen, deps)

    await shows(b'{"name": "now", "inputSchema": {"type": "object"}}')
    page = await tools.list_tools(owner, "wavering", None, None, PageAsk(), deps)
    # Whatever the org does with what is new: only an approved definition can change.
    await tools.approve_tools(owner, [(page.items[0].tool.id, None)], deps)
    await shows(b'{"name": "now", "description": "Another.", "inputSchema": {"type": "object"}}')
    await tools.reject_tool(owner, page.items[0].tool.id, None, deps)
    await shows()
    await shows(b'{"name": "now", "description": "Another.", "inputSchema": {"type": "object"}}')


async def let_a_model_come_to_its_end(owner: OrgScope, deps: Deps) -> None:
    draft = hub.ServiceDraft("aging", "model", "http://127.0.0.1:9009", models=("aging-model",))
    await hub.create_service(owner, draft, deps)
    now = deps.clock.now()
    with days_ago(deps, 50):
        ending = {"deprecated_at": now - timedelta(days=45), "retires_at": now}
        await update_model(owner, "aging-model", ending, deps)
    for days in (40, 20, 0):
        with days_ago(deps, days):
            await models.tell_endings(tenancy.platform_scope(), deps)
    await models.tell_deprecated_use(tenancy.platform_scope(), {(owner.org_id, "aging-model"): 1}, deps)


Happening = Callable[[OrgScope, Deps], Awaitable[None]]
HAPPENINGS: tuple[Happening, ...] = (
    spend_a_budget,
    let_a_key_come_near_its_end,
    leave_a_dashboard_alone,
    lose_an_endpoint_of_a_webhook,
    let_a_service_fail_and_come_back,
    let_a_lease_run_out,
    let_a_server_change_what_it_offers,
    let_a_model_come_to_its_end,
)
