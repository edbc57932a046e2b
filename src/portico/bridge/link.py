"""The bridge's side of the link to control: snapshots come in, how the servers do goes out. While control is away all goes on."""

import asyncio
import os
from pathlib import Path

from portico.bridge.bridge import Bridge
from portico.domains.routing.model import (
    BridgeHello,
    BridgeReport,
    LocalServerReport,
    ReloadSettings,
    ResetBreaker,
    StillCurrent,
    TakeSnapshot,
)
from portico.platform.link import Link, stay_linked

FromControl = TakeSnapshot | StillCurrent | ResetBreaker | ReloadSettings
LOOK_S = 1.0


class BridgeLink:
    def __init__(self, bridge: Bridge, path: Path) -> None:
        self._bridge, self._path = bridge, path

    async def run(self) -> None:
        """Until cancelled."""
        await stay_linked(self._path, FromControl, self._serve)

    async def _serve(self, link: Link[FromControl]) -> None:
        await link.send(BridgeHello(os.getpid()))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(link))
            tasks.create_task(self._report(link))

    async def _listen(self, link: Link[FromControl]) -> None:
        while True:
            message = await link.receive()
            if isinstance(message, TakeSnapshot):
                self._bridge.adopt(message.snapshot)

    async def _report(self, link: Link[FromControl]) -> None:
        told: tuple[LocalServerReport, ...] | None = None
        while True:
            reports = self._bridge.reports()
            if reports != told:
                told = reports
                await link.send(BridgeReport(reports))
            await asyncio.sleep(LOOK_S)
