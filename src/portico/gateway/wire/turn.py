"""The end of a turn of the loop: what was answered in it leaves together.

Each write wakes whoever waits for it, on a core that may sleep, and that costs more than the write. Those that come right
after another find it awake.
"""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portico.gateway.wire.server import Connection


class Turn:
    __slots__ = ("_holding",)

    def __init__(self) -> None:
        self._holding: list[Connection] = []

    def ends_with(self, connection: "Connection") -> None:
        """Have it let out what it holds when everything that this turn brought has been read."""
        if not self._holding:
            asyncio.get_running_loop().call_soon(self._end)
        self._holding.append(connection)

    def _end(self) -> None:
        holding, self._holding = self._holding, []
        for connection in holding:
            connection.let_out()
