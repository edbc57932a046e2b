"""Browser sockets that a gateway hands over: from then on nobody stands between their clients and this process.

A frame to thousands of sockets is written once to each, and not a second time by a gateway that has calls to carry.
"""

import asyncio
import socket
from pathlib import Path

import structlog
import uvicorn

from portico.platform.handover import Landing
from portico.realtime.line import DirectLine

log = structlog.get_logger("portico.realtime")


class SocketLanding:
    """Serves what arrives at `path` as `server` serves what it accepts itself, and ends it together with the rest."""

    def __init__(self, path: Path, server: uvicorn.Server) -> None:
        self._path, self._server = path, server

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:

            def take(connection: socket.socket, already_read: bytes) -> None:
                group.create_task(self._serve(connection, already_read))

            landing = Landing(self._path, take)
            try:
                await asyncio.Event().wait()
            finally:
                landing.close()

    async def _serve(self, connection: socket.socket, already_read: bytes) -> None:
        if self._server.should_exit:
            # It would not hear the goodbye that all others were told; its client comes back.
            connection.close()
            return
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: self._line(already_read), connection)
        except Exception:
            # A door: whatever a handshake brings up is the end of that one client only.
            log.exception("socket_not_served")
            connection.close()

    def _line(self, already_read: bytes) -> DirectLine:
        server = self._server
        return DirectLine(server.config, server.server_state, {}, already_read=already_read)
