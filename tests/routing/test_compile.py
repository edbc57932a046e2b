import time
from dataclasses import replace
from datetime import datetime

import pytest

from portico.domains.hub import public as hub
from portico.domains.hub import service as registry
from portico.domains.hub.tables import service_endpoints, service_versions, services
from portico.domains.limits import public as limits
from portico.domains.limits.model import window_start
from portico.domains.limits.service import update_budget
from portico.domains.routing.public import compile_snapshot
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.tables import api_keys
from portico.domains.vault import public as vault
from portico.domains.vault import service as vault_service
from portico.kernel.clock import ManualClock
from portico.kernel.scope import SYSTEM, OrgScope, PlatformScope
from portico.platform.db import to_micros
from portico.platform.deps import Deps

PLATFORM = PlatformScope(SYSTEM)
DRAFT = hub.ServiceDraft(
    "prices",
    "model",
    "http://127.0.0.1:9001/v1",
    models=("m",),
    price=hub.Price(1, 2, 3),
    credential=hub.Credential("upstream", "X-Key", "Key {secret}"),
)


@pytest.fixture
async def admin(deps: Deps) -> OrgScope:
    seeded = await tenancy.seed_owner(deps, "Acme", "acme", "owner@acme.example", "Owner", "a long enough password")
    return tenancy.open_system_scope(seeded.org_id)


async def test_the_snapshot_holds_what_a_gateway_needs_of_a_service(deps: Deps, admin: OrgScope) -> None:
    await vault.create_secret(admin, vault.SecretDraft("upstream", "s3cret"), deps)
    made = await hub.create_service(admin, DRAFT, deps)
    entry = (await compile_snapshot(deps)).services[0]
    assert (entry.id, entry.org_id, entry.name, entry.scope, entry.models) == (
        made.id,
        admin.org_id,
        "prices",
        None,
        ("m",),
    )
    assert entry.versions[0].endpoints[0].url == "http://127.0.0.1:9001/v1"
    assert entry.credential is not None
    assert (entry.credential.header, entry.credential.format) == ("X-Key", "Key {secret}")
    assert b"s3cret" not in entry.credential.sealed
    assert deps.sealer.open(entry.credential.sealed, entry.credential.context) == "s3cret"


async def test_the_same_content_keeps_its_version_and_a_change_raises_it(
    deps: Deps, admin: OrgScope, clock: ManualClock
) -> None:
    first = await compile_snapshot(deps)
    clock.advance(seconds=5)
    again = await compile_snapshot(deps)
    assert (first.version, again.version) == (1, 1)
    assert again.compiled_at_us > first.compiled_at_us
    await vault.create_secret(admin, vault.SecretDraft("upstream", "s3cret"), deps)
    await hub.create_service(admin, DRAFT, deps)
    assert (await compile_snapshot(deps)).version == 2
    await vault_service.rotate_secret(admin, "upstream", "n3w", None, deps)
    assert (await compile_snapshot(deps)).version == 3
    await registry.delete_service(admin, "prices", deps)
    assert (await compile_snapshot(deps)).version == 4


async def test_what_calls_used_reaches_the_snapshot_without_a_new_version(
    deps: Deps, admin: OrgScope, clock: ManualClock
) -> None:
    state = await limits.create_budget(admin, limits.BudgetDraft("daily", "org", None, "money", "day", 1_000_000), deps)
    before = await compile_snapshot(deps)
    async with deps.uow() as tx:
        await limits.charge(
            tx, PLATFORM, [limits.BudgetCharge(state.budget.id, window_start("day", clock.now()), 250_000)]
        )
    after = await compile_snapshot(deps)
    assert (before.budgets[0].used, after.budgets[0].used) == (0, 250_000)
    assert after.budgets[0].subject_name == "Acme"
    assert after.version == before.version
    assert after.budgets[0].window_started_at_us == to_micros(window_start("day", clock.now()))
    await update_budget(admin, state.budget.id, {"limit": 2_000_000}, deps)
    assert (await compile_snapshot(deps)).version == before.version + 1
    clock.advance(seconds=86_400)
    assert (await compile_snapshot(deps)).budgets[0].used == 0


async def test_whoever_made_a_restricted_service_may_call_it(deps: Deps, admin: OrgScope) -> None:
    await hub.create_service(admin, replace(DRAFT, credential=None, visibility="restricted"), deps)
    snapshot = await compile_snapshot(deps)
    assert [(grant.principal_id, grant.service_id) for grant in snapshot.grants] == [
        (admin.actor.id, snapshot.services[0].id)
    ]


async def test_a_deprecated_version_gets_no_share_of_the_traffic(deps: Deps, admin: OrgScope) -> None:
    await hub.create_service(admin, replace(DRAFT, credential=None), deps)
    async with deps.uow() as tx:
        await tx.execute(service_versions.update().values(status="deprecated"))
    assert (await compile_snapshot(deps)).services[0].versions[0].weight == 0


@pytest.mark.req("SP10")
async def test_a_thousand_services_and_five_thousand_keys_compile_with_a_fixed_number_of_queries(
    deps: Deps, admin: OrgScope, clock: ManualClock
) -> None:
    await _fill(deps, admin, clock.now())
    await compile_snapshot(deps)
    spent = []
    for _ in range(3):
        began = time.process_time()
        snapshot = await compile_snapshot(deps)
        spent.append(time.process_time() - began)
    print(f"{min(spent) * 1000:.0f} ms of CPU")
    assert (len(snapshot.services), len(snapshot.keys)) == (1000, 5000)
    # Far above what it takes, far below what one query per row would.
    assert min(spent) < 0.5


async def _fill(deps: Deps, admin: OrgScope, now: datetime) -> None:
    await hub.create_service(admin, replace(DRAFT, credential=None), deps)
    await tenancy.create_key(
        tenancy.open_system_scope(admin.org_id), tenancy.KeyDraft("first", ("services.call",)), deps
    )
    async with deps.uow() as tx:
        for table, count, change in (
            (services, 999, lambda n: {"id": f"svc_{n}", "name": f"s-{n}"}),
            (service_versions, 999, lambda n: {"id": f"ver_{n}", "service_id": f"svc_{n}"}),
            (service_endpoints, 999, lambda n: {"id": f"e_{n}", "service_id": f"svc_{n}", "version_id": f"ver_{n}"}),
            (api_keys, 4999, lambda n: {"id": f"key_{n}", "prefix": f"pk_{n:08x}"}),
        ):
            row = dict((await tx.execute(table.select())).one()._mapping)
            await tx.execute(table.insert(), [row | change(number) for number in range(count)])
