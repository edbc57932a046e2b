"""The gateway's side of the link: fetches snapshots, reports status, dials again when control is gone.

While control is away the gateway serves on with the snapshot it has, until that is older than allowed.
"""

import asyncio
from pathlib import Path

import structlog

from portico.domains.routing.model import (
    Hello,
    JournalGrew,
    ReloadSettings,
    ResetBreaker,
    StatusReport,
    StillCurrent,
    TakeSnapshot,
    Told,
)
from portico.gateway.gate import Gate
from portico.platform.link import Link, stay_linked
from portico.platform.settings import SettingsInvalid, load_settings

log = structlog.get_logger("portico.gateway")

FromControl = TakeSnapshot | StillCurrent | ResetBreaker | ReloadSettings | Told
REPORT_S = 1.0
# Long enough to gather a burst of calls into one nudge, short enough that a live tail feels live.
NUDGE_S = 0.05
TELL_S = 0.2


class ControlLink:
    def __init__(self, gate: Gate, path: Path) -> None:
        self._gate, self._path = gate, path
        self._link: Link[FromControl] | None = None
        self._report_now = asyncio.Event()
        self._grew = asyncio.Event()
        self._saw_tools = asyncio.Event()
        gate.on_breaker_change = self._report_now.set
        gate.on_journal_grew = self._grew.set
        gate.tools.on_report = self._saw_tools.set

    async def run(self) -> None:
        """Until cancelled."""
        await stay_linked(self._path, FromControl, self._serve)

    async def _serve(self, link: Link[FromControl]) -> None:
        identity = self._gate.identity
        await link.send(Hello(identity.gateway_id, identity.epoch, identity.pid))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(link))
            tasks.create_task(self._report(link))
            tasks.create_task(self._nudge(link))
            tasks.create_task(self._ask(link))
            tasks.create_task(self._tell_tools(link))

    async def _listen(self, link: Link[FromControl]) -> None:
        while True:
            message = await link.receive()
            match message:
                case TakeSnapshot():
                    self._gate.adopt(message.snapshot)
                    self._report_now.set()
                case StillCurrent():
                    self._confirm(message.version)
                case ResetBreaker():
                    self._gate.reset_breaker(message.service_id)
                case ReloadSettings():
                    self._reload()
                case Told():
                    self._gate.asks.told(message.number, message.body)

    def _reload(self) -> None:
        """Settings that are not valid change nothing; whoever asked for the reload was told what is wrong with them."""
        try:
            self._gate.reload(load_settings().settings)
        except SettingsInvalid as invalid:
            log.warning("settings.invalid", problems=invalid.problems)
        else:
            log.info("settings.reloaded")

    def _confirm(self, version: int) -> None:
        """Only the newest version counts as current: an older one means that a swap was lost."""
        if version <= self._gate.view.version:
            self._gate.still_current()

    async def _report(self, link: Link[FromControl]) -> None:
        while True:
            self._report_now.clear()
            await link.send(StatusReport(self._gate.status()))
            try:
                await asyncio.wait_for(self._report_now.wait(), REPORT_S)
            except TimeoutError:
                continue

    async def _ask(self, link: Link[FromControl]) -> None:
        while True:
            await link.send(await self._gate.asks.next_ask())

    async def _tell_tools(self, link: Link[FromControl]) -> None:
        book = self._gate.tools
        book.link_opened()
        while True:
            while book.reports:
                await link.send(book.reports.pop(next(iter(book.reports))))
            self._saw_tools.clear()
            await self._saw_tools.wait()
            # What is seen meanwhile of the same server goes with it.
            await asyncio.sleep(TELL_S)

    async def _nudge(self, link: Link[FromControl]) -> None:
        while True:
            await self._grew.wait()
            await asyncio.sleep(NUDGE_S)
            self._grew.clear()
            await link.send(JournalGrew())
