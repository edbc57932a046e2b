"""The control side of the gateways' link: hands out snapshots, hears statuses. What it knows of a gateway is memory only."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from portico.domains.routing.model import (
    AskControl,
    BreakerReport,
    BridgeHello,
    BridgeReport,
    GatewayStatus,
    Hello,
    JournalGrew,
    LocalServerReport,
    ReloadSettings,
    ResetBreaker,
    Snapshot,
    StatusReport,
    StillCurrent,
    TakeSnapshot,
    Told,
    ToolsSeen,
)
from portico.kernel.errors import Refusal
from portico.platform.bus import Bus
from portico.platform.link import Link, LinkClosed

log = structlog.get_logger("portico.routing")

FromGateway = Hello | StatusReport | JournalGrew | AskControl | ToolsSeen | BridgeHello | BridgeReport
HEARTBEAT_S = 1.0
FRESH_S = 5.0
# What gateways saw of tools and nobody wrote down yet; what does not fit is seen again with the next list.
MOST_SEEN = 50
Welcome = Callable[[Hello], Awaitable[Snapshot]]
# Longest that a gateway's question may take; what is asked after it waits that long.
ANSWER_S = 4.0
Answer = Callable[[str, bytes], Awaitable[bytes]]


@dataclass(slots=True)
class GatewayLink:
    link: Link[FromGateway]
    hello: Hello
    status: GatewayStatus | None = None
    heard_at: float = field(default_factory=time.monotonic)


@dataclass(slots=True, eq=False)
class BridgeLink:
    """`has` is the version it was sent last; its reports are of local tool servers."""

    link: Link[FromGateway]
    has: int = 0
    reports: tuple[LocalServerReport, ...] = ()


class GatewayFeed:
    """Serves `<run_dir>/link.sock`. `welcome` closes a gateway's earlier epochs and compiles its first snapshot."""

    def __init__(self, path: Path, bus: Bus, welcome: Welcome, answer: Answer | None = None) -> None:
        self._path, self._bus, self._welcome, self._answer = path, bus, welcome, answer
        self._links: dict[str, GatewayLink] = {}
        # The bridges get the same news; they are no gateways, so nothing that is asked of those is asked of them.
        self._bridges: set[BridgeLink] = set()
        self._newest: Snapshot | None = None
        self._seen: deque[ToolsSeen] = deque(maxlen=MOST_SEEN)
        self._server: asyncio.Server | None = None

    # -- what the rest of control asks ----------------------------------------------------------------------------------------------

    def statuses(self) -> list[GatewayStatus]:
        return [each.status for each in self._links.values() if each.status is not None]

    def fresh(self, gateway_id: str) -> bool:
        each = self._links.get(gateway_id)
        return each is not None and time.monotonic() - each.heard_at < FRESH_S

    def breakers(self, org_id: str) -> list[BreakerReport]:
        return [report for status in self.statuses() for report in status.breakers if report.org_id == org_id]

    def local_servers(self, org_id: str) -> dict[str, LocalServerReport]:
        """By service id; a server that was not asked for since the bridge started has no report."""
        reports = [report for bridge in self._bridges for report in bridge.reports]
        return {report.service_id: report for report in reports if report.org_id == org_id}

    def take_seen(self) -> list[ToolsSeen]:
        """What gateways saw of tools since this was last asked."""
        taken = list(self._seen)
        self._seen.clear()
        return taken

    async def reset_breaker(self, service_id: str) -> None:
        for each in tuple(self._links.values()):
            await self._send(each, ResetBreaker(service_id))

    async def publish(self, snapshot: Snapshot) -> None:
        """Send a new version to every gateway; the same version is only confirmed."""
        if self._newest is not None and self._newest.version == snapshot.version:
            return
        self._newest = snapshot
        for each in tuple(self._links.values()):
            await self._send(each, TakeSnapshot(snapshot))
        await self._tell_bridges()

    # -- the server ----------------------------------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Listen and send heartbeats until cancelled."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, str(self._path))
        self._path.chmod(0o600)
        reloaded = self._bus.listen("settings")
        try:
            while True:
                await asyncio.sleep(HEARTBEAT_S)
                await self._beat(reloaded)
        finally:
            self._bus.forget(reloaded)
            self._server.close()
            for each in tuple(self._links.values()):
                each.link.close()
            for bridge in tuple(self._bridges):
                bridge.link.close()

    async def _beat(self, reloaded: asyncio.Event) -> None:
        await self._tell_bridges()
        for each in tuple(self._links.values()):
            if self._newest is not None:
                await self._send(each, StillCurrent(self._newest.version))
            if reloaded.is_set():
                await self._send(each, ReloadSettings())
        reloaded.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link: Link[FromGateway] = Link(reader, writer, FromGateway)
        try:
            hello = await link.receive()
            if isinstance(hello, Hello):
                await self._attend(GatewayLink(link, hello))
            elif isinstance(hello, BridgeHello):
                await self._attend_bridge(BridgeLink(link))
        except LinkClosed:
            return
        finally:
            link.close()

    async def _attend(self, each: GatewayLink) -> None:
        """One gateway's life on this link."""
        hello = each.hello
        snapshot = await self._welcome(hello)
        if self._newest is None or snapshot.version > self._newest.version:
            self._newest = snapshot
        self._links[hello.gateway_id] = each
        log.info("gateway.linked", gateway=hello.gateway_id, epoch=hello.epoch, snapshot=snapshot.version)
        try:
            await each.link.send(TakeSnapshot(snapshot))
            while True:
                message = await each.link.receive()
                self._heard(each, message)
                if isinstance(message, AskControl):
                    await self._send(each, Told(message.number, await self._answered(message)))
        finally:
            if self._links.get(hello.gateway_id) is each:
                del self._links[hello.gateway_id]
                self._bus.nudge("breakers")
            log.info("gateway.unlinked", gateway=hello.gateway_id, epoch=hello.epoch)

    async def _attend_bridge(self, bridge: BridgeLink) -> None:
        self._bridges.add(bridge)
        try:
            await self._tell_bridges()
            while True:
                message = await bridge.link.receive()
                if isinstance(message, BridgeReport):
                    bridge.reports = message.servers
        finally:
            self._bridges.discard(bridge)

    async def _tell_bridges(self) -> None:
        newest = self._newest
        for bridge in tuple(self._bridges):
            if newest is None or bridge.has == newest.version:
                continue
            try:
                await bridge.link.send(TakeSnapshot(newest))
                bridge.has = newest.version
            except LinkClosed:
                bridge.link.close()

    async def _answered(self, ask: AskControl) -> bytes | None:
        if self._answer is None:
            return None
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._answer(ask.topic, ask.body)
        except (Refusal, SQLAlchemyError, OSError, LookupError, ValueError, TypeError):
            # One question that cannot be answered must not end the link that carries everything else.
            log.exception("gateway.question_failed", topic=ask.topic)
            return None

    def _heard(self, each: GatewayLink, message: FromGateway) -> None:
        each.heard_at = time.monotonic()
        if isinstance(message, JournalGrew):
            self._bus.nudge("journal")
        elif isinstance(message, ToolsSeen):
            self._seen.append(message)
            self._bus.nudge("tools")
        elif isinstance(message, StatusReport):
            before = each.status.breakers if each.status is not None else ()
            each.status = message.status
            if [(one.endpoint_id, one.state) for one in before] != [
                (one.endpoint_id, one.state) for one in message.status.breakers
            ]:
                self._bus.nudge("breakers")

    async def _send(
        self, each: GatewayLink, message: TakeSnapshot | StillCurrent | ResetBreaker | ReloadSettings | Told
    ) -> None:
        try:
            await each.link.send(message)
        except LinkClosed:
            each.link.close()
