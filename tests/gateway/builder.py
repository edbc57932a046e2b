from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from portico.domains.routing.model import ServiceEntry
from tests.gateway import house
from tests.gateway.house import House, Scripted, Upstream


class Builder:
    """Opens upstreams and gateways for one test and closes them after it."""

    def __init__(self, data_dir: Path, stack: AsyncExitStack) -> None:
        self._data_dir, self._stack = data_dir, stack

    async def upstream(self, *answers: bytes | None, **options: Any) -> Upstream:
        return await self._stack.enter_async_context(Upstream(*answers, **options).running())

    async def scripted(self, script: house.Script) -> Scripted:
        return await self._stack.enter_async_context(Scripted(script).running())

    async def house(self, *services: ServiceEntry, snapshot: dict[str, Any] | None = None, **options: Any) -> House:
        first = house.snapshot(*services, **(snapshot or {}))
        return await self._stack.enter_async_context(house.open_house(self._data_dir, first, **options))

    async def in_front_of(self, service: Upstream | Scripted, **changes: Any) -> House:
        """A gateway with one service, named `echo`."""
        return await self.house(house.service("echo", service.url, **changes))
