from dataclasses import replace
from typing import get_args

import pytest

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.hub import service as registry
from portico.domains.hub.errors import BuiltinReadOnly, ModelTaken, NameTaken
from portico.domains.hub.model import ServiceFilter, Sort
from portico.domains.vault import public as vault
from portico.kernel.errors import InvalidFields, InvalidInput, NotFound, NotPermitted
from portico.kernel.paging import PageAsk, decode_cursor
from portico.kernel.scope import DEVELOPMENT, ENTERPRISE
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN, DEVELOPER, IN_DEVELOPMENT, STRANGER, VIEWER, caller

INVENTORY = hub.ServiceDraft("inventory", "http", "http://127.0.0.1:9001", tags=("stock",))
GPT = hub.ServiceDraft("gpt", "model", "https://models.example/v1", models=("gpt-small", "gpt-large"))


@pytest.mark.req("SP10")
async def test_a_created_service_is_found_again_as_it_was_answered(deps: Deps) -> None:
    made = await hub.create_service(ADMIN, replace(INVENTORY, price=hub.Price(call_microusd=5), layer="L03"), deps)
    assert await hub.find_service(ADMIN, "inventory", deps) == made
    assert made.versions[0].endpoints[0].url == "http://127.0.0.1:9001"


async def test_each_write_leaves_an_event_and_an_audit_entry(deps: Deps) -> None:
    await hub.create_service(ADMIN, INVENTORY, deps)
    await registry.update_service(ADMIN, "inventory", {"description": "Stock levels"}, deps)
    await registry.delete_service(ADMIN, "inventory", deps)
    async with deps.read() as tx:
        _, newest = await events.recent_events(tx, ADMIN, 10)
    assert [event.kind for event in newest] == ["service.deleted.v1", "service.updated.v1", "service.created.v1"]
    found = await audit.search_audit(ADMIN, audit.Search(), PageAsk(), deps)
    assert [entry.action for entry in found.items] == ["service.delete", "service.update", "service.create"]


@pytest.mark.req("SP10")
async def test_a_stranger_cannot_tell_a_foreign_service_from_a_missing_one(deps: Deps) -> None:
    await hub.create_service(ADMIN, INVENTORY, deps)
    for verb in (
        lambda: hub.find_service(STRANGER, "inventory", deps),
        lambda: registry.update_service(STRANGER, "inventory", {}, deps),
        lambda: registry.delete_service(STRANGER, "inventory", deps),
    ):
        with pytest.raises(NotFound):
            await verb()
    listed = await registry.list_services(STRANGER, ServiceFilter(kind="http"), "name", PageAsk(), deps)
    assert listed.items == []


async def test_a_restricted_service_exists_only_for_admins_its_maker_and_those_granted(deps: Deps) -> None:
    maker = caller("developer", who="per_maker")
    made = await hub.create_service(maker, replace(INVENTORY, visibility="restricted"), deps)
    granted = caller("viewer", who="per_granted", granted=((made.id, "services.call"),))
    for sees in (ADMIN, maker, granted):
        assert (await hub.find_service(sees, "inventory", deps)).id == made.id
    for blind in (DEVELOPER, VIEWER, STRANGER, caller("developer", granted=(("svc_other", "services.call"),))):
        with pytest.raises(NotFound):
            await hub.find_service(blind, "inventory", deps)
        with pytest.raises(NotFound):
            await registry.update_service(blind, "inventory", {}, deps)
        page = await registry.list_services(blind, ServiceFilter(kind="http"), "name", PageAsk(), deps)
        assert (page.items, page.total) == ([], 0)


async def test_one_who_may_only_look_cannot_change_a_service(deps: Deps) -> None:
    await hub.create_service(ADMIN, INVENTORY, deps)
    with pytest.raises(NotPermitted):
        await registry.update_service(VIEWER, "inventory", {}, deps)


async def test_a_service_of_a_scope_is_seen_in_that_scope_alone(deps: Deps) -> None:
    await hub.create_service(IN_DEVELOPMENT, replace(INVENTORY, scope=DEVELOPMENT), deps)
    with pytest.raises(NotFound):
        await hub.find_service(ADMIN, "inventory", deps)
    in_enterprise = await hub.create_service(ADMIN, replace(INVENTORY, scope=ENTERPRISE), deps)
    assert (await hub.find_service(ADMIN, "inventory", deps)).id == in_enterprise.id
    with pytest.raises(NameTaken):
        await hub.create_service(ADMIN, INVENTORY, deps)
    with pytest.raises(InvalidFields, match="scope"):
        await hub.create_service(ADMIN, replace(INVENTORY, name="other", scope=DEVELOPMENT), deps)


async def test_a_model_name_leads_to_one_service_within_a_scope(deps: Deps) -> None:
    await hub.create_service(ADMIN, GPT, deps)
    with pytest.raises(ModelTaken):
        await hub.create_service(ADMIN, replace(GPT, name="other", models=("gpt-large",)), deps)
    await hub.create_service(ADMIN, replace(GPT, name="other", models=("gpt-huge",)), deps)
    with pytest.raises(ModelTaken):
        await registry.update_service(ADMIN, "other", {"models": ("gpt-small",)}, deps)
    await hub.create_service(STRANGER, GPT, deps)


@pytest.mark.parametrize(
    ("field", "draft"),
    [
        ("name", replace(INVENTORY, name="Inventory")),
        ("name", replace(INVENTORY, name="search")),
        ("name", replace(INVENTORY, name="portico-hub")),
        ("kind", replace(INVENTORY, kind="builtin")),
        ("url", replace(INVENTORY, url="ftp://127.0.0.1/")),
        ("url", replace(INVENTORY, url="http://user:pass@example.com/")),
        ("url", replace(INVENTORY, url="http://")),
        ("url", replace(INVENTORY, url="http://169.254.169.254/latest")),
        ("url", replace(INVENTORY, url="http://metadata.google.internal/")),
        ("url", replace(INVENTORY, url="http://[::ffff:169.254.169.254]/")),
        ("url", replace(INVENTORY, url="http://0x7f.1/")),
        ("url", replace(INVENTORY, url="http://2130706433/")),
        ("url", replace(INVENTORY, url="http://10.0.0.1/")),
        ("url", replace(INVENTORY, url="http://example.com/?q=1")),
        ("url", replace(INVENTORY, url="http://example.com:99999/")),
        ("layer", replace(INVENTORY, layer="L13")),
        ("tags", replace(INVENTORY, tags=("Upper",))),
        ("max_retries", replace(INVENTORY, max_retries=11)),
        ("timeout_s", replace(INVENTORY, timeout_s=0)),
        ("models", replace(INVENTORY, models=("m",))),
        ("models", replace(GPT, models=())),
        ("credential.header", replace(INVENTORY, credential=hub.Credential("k", "Host"))),
        ("credential.format", replace(INVENTORY, credential=hub.Credential("k", "X-Key", "plain"))),
        ("credential.format", replace(INVENTORY, credential=hub.Credential("k", "X-Key", "{secret}\r\nX: y"))),
        ("health_path", replace(INVENTORY, health_path="health")),
        ("methods.0.parameters", replace(INVENTORY, methods=(hub.Method("m", "GET", "/", "", {"type": "nonsense"}),))),
        ("methods.0.parameters", replace(INVENTORY, methods=(hub.Method("m", "GET", "/{sku}", "", {}),))),
        (
            "methods.0.parameters",
            replace(INVENTORY, methods=(hub.Method("m", "GET", "/", "", {"$ref": "http://169.254.169.254/"}),)),
        ),
        ("methods.0.path", replace(INVENTORY, methods=(hub.Method("m", "GET", "/../x", "", {}),))),
        ("methods.0.http_method", replace(INVENTORY, methods=(hub.Method("m", "TRACE", "/x", "", {}),))),
    ],
)
async def test_a_draft_that_cannot_work_is_refused_by_field(deps: Deps, field: str, draft: hub.ServiceDraft) -> None:
    with pytest.raises(InvalidFields) as refused:
        await hub.create_service(ADMIN, draft, deps)
    assert field in {problem.field for problem in refused.value.fields}


async def test_a_service_uses_only_a_secret_that_exists_and_keeps_it_from_deletion(deps: Deps) -> None:
    draft = replace(INVENTORY, credential=hub.Credential("upstream"))
    with pytest.raises(InvalidInput, match="upstream"):
        await hub.create_service(ADMIN, draft, deps)
    await vault.create_secret(ADMIN, vault.SecretDraft("upstream", "s3cret"), deps)
    await hub.create_service(ADMIN, draft, deps)
    with pytest.raises(InvalidInput, match="nowhere"):
        await registry.update_service(ADMIN, "inventory", {"credential": hub.Credential("nowhere")}, deps)


@pytest.mark.req("SP10")
@pytest.mark.parametrize("sort", get_args(Sort))
async def test_pages_hold_stored_and_built_in_services_once_each(deps: Deps, sort: Sort) -> None:
    for number in range(7):
        await hub.create_service(ADMIN, replace(INVENTORY, name=f"{'pq'[number % 2]}-{number}"), deps)
    names: list[str] = []
    cursor = None
    while True:
        page = await registry.list_services(ADMIN, ServiceFilter(), sort, PageAsk(4, decode_cursor(cursor)), deps)
        names += [service.name for service in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(names) == len(set(names)) == page.total
    assert "portico-gateway" in names
    if sort.endswith("name"):
        assert names == sorted(names, reverse=sort.startswith("-"))


async def test_filters_narrow_the_list(deps: Deps) -> None:
    await hub.create_service(ADMIN, replace(INVENTORY, layer="L03"), deps)
    await hub.create_service(ADMIN, GPT, deps)

    async def names(**wanted: str) -> list[str]:
        page = await registry.list_services(ADMIN, ServiceFilter(**wanted), "name", PageAsk(), deps)
        return [service.name for service in page.items]

    assert await names(kind="model") == ["gpt"]
    assert await names(tag="stock") == ["inventory"]
    assert await names(tag="st_ck") == []
    assert await names(layer="L03") == ["inventory"]
    assert await names(q="INVENT") == ["inventory"]
    assert "portico-hub" in await names(kind="builtin")


async def test_a_built_in_service_is_seen_by_all_and_changed_by_none(deps: Deps) -> None:
    assert (await hub.find_service(STRANGER, "portico-hub", deps)).layer == "L12"
    with pytest.raises(BuiltinReadOnly):
        await registry.delete_service(ADMIN, "portico-hub", deps)
