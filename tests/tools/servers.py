"""Tool servers as the registry sees them."""

from typing import Any

import orjson

from portico.domains.hub import public as hub
from portico.domains.tools import public as tools
from portico.domains.tools import service
from portico.domains.tools.registry import Noted
from portico.kernel.paging import PageAsk
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN

READ = {
    "name": "read_file",
    "title": "Read a file",
    "description": "Reads a file.",
    "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
}
DROP = {"name": "drop_table", "inputSchema": {"type": "object"}}


async def register(deps: Deps, name: str = "files", scope: OrgScope = ADMIN, **changes: Any) -> str:
    draft = hub.ServiceDraft(name, "tools", f"http://127.0.0.1:9/{name}", **changes)
    return (await hub.create_service(scope, draft, deps)).id


async def shows(deps: Deps, service_id: str, *definitions: dict[str, Any], complete: bool = True) -> Noted:
    seen = tools.Seen(service_id, tools.sighted(map(orjson.dumps, definitions)), complete, "listing")
    return await tools.note_seen(ADMIN.org_id, seen, deps)


async def listed(deps: Deps, scope: OrgScope = ADMIN) -> dict[str, service.Named]:
    page = await service.list_tools(scope, None, None, None, PageAsk(), deps)
    return {each.tool.name: each for each in page.items}


async def states(deps: Deps) -> dict[str, str]:
    return {name: each.tool.state for name, each in (await listed(deps)).items()}
