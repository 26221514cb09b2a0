"""Hands out the places in which jobs may be at work, to the one whose turn comes first."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

Turn = Callable[[], tuple[int, int]]
"""Whose turn it is, as a key of which the lowest goes first; asked when a place is free, since turns can change."""


class Slot:
    """``count`` places of one kind. Those who wait get them by turn, not in the order in which they came."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = count
        self._line: list[tuple[Turn, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def held(self, turn: Turn) -> AsyncIterator[None]:
        """Wait for a place and hold it while the block runs."""
        await self._take(turn)
        try:
            yield
        finally:
            self._give()

    async def _take(self, turn: Turn) -> None:
        if self._free:
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((turn, place))
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():
                self._give()  # it was handed over at the very moment of the cancel
            raise

    def _give(self) -> None:
        """Hand a place to whose turn comes first among those who wait, or keep it free."""
        self._line = [(turn, place) for turn, place in self._line if not place.done()]
        if not self._line:
            self._free += 1
            return
        first = min(self._line, key=lambda waiting: waiting[0]())
        self._line.remove(first)
        first[1].set_result(None)
