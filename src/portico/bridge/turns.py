"""Who may start now: a few at the same time, so that many starts at once do not make each of them slow."""

import asyncio

# A start that takes longer makes room for the next one, so that servers that hang delay nobody.
START_TURN_S = 1.0


class Turn:
    """A place among those that start now, given back after a while even by who has not finished."""

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns, self._taken = turns, False
        self._timer: asyncio.TimerHandle | None = None

    async def take(self) -> None:
        await self._turns.acquire()
        self._taken = True
        self._timer = asyncio.get_running_loop().call_later(START_TURN_S, self.give_back)

    def give_back(self) -> None:
        if self._taken:
            self._taken = False
            self._turns.release()
        if self._timer is not None:
            self._timer.cancel()
