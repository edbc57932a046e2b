"""Model services for the tests of models."""

from typing import Any

from portico.domains.hub import public as hub
from portico.domains.hub.model import Price, Service, ServiceDraft
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps

URL = "http://127.0.0.1:9/v1"


async def offer(scope: OrgScope, deps: Deps, name: str, *models: str, **more: Any) -> Service:
    """A service with these models: 1 µUSD for a token in, 2 µUSD for a token out."""
    price = Price(1_000_000, 2_000_000, 0)
    draft = ServiceDraft(name=name, kind="model", url=URL, models=models, **{"price": price, **more})
    return await hub.create_service(scope, draft, deps)
