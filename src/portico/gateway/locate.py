"""Where an endpoint is: its name resolved, every address checked at the moment of connecting, and the checked one pinned."""

import asyncio
import socket
import time

from portico.gateway.view import Target
from portico.gateway.wire.upstream import Address, EgressBlocked, UpstreamUnreachable
from portico.platform.egress import forbidden_address, metadata_host
from portico.platform.link import BRIDGE_SOCKET, BRIDGE_URL
from portico.platform.settings import Settings

KEEP_S = 30.0
MOST_KEPT = 4096


class Locator:
    def __init__(self, settings: Settings) -> None:
        self.allowed_ranges = settings.private_ranges
        self._bridge = str(settings.run_dir / BRIDGE_SOCKET)
        self._kept: dict[tuple[str, int], tuple[float, list[str]]] = {}

    async def locate(self, target: Target) -> Address:
        """raises   EgressBlocked · UpstreamUnreachable"""
        if target.url == BRIDGE_URL:
            return Address("", 0, path=self._bridge)
        if metadata_host(target.host):
            raise EgressBlocked(f"{target.host} serves a machine's own credentials.")
        addresses = await self._resolve(target.host, target.port)
        for address in addresses:
            # One forbidden address among several is refused as well: which one is used would be the attacker's choice.
            reason = forbidden_address(address, self.allowed_ranges)
            if reason is not None:
                raise EgressBlocked(f"its address {reason}.")
        return Address(addresses[0], target.port, server_name=target.host)

    async def _resolve(self, host: str, port: int) -> list[str]:
        kept = self._kept.get((host, port))
        now = time.monotonic()
        if kept is not None and now - kept[0] < KEEP_S:
            return kept[1]
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise UpstreamUnreachable(f"The name {host!r} could not be resolved.") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not addresses:
            raise UpstreamUnreachable(f"The name {host!r} has no address.")
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[host, port] = (now, addresses)
        return addresses
