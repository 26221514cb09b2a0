"""Hands out the places in which jobs may be at work, to the one whose turn comes first."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from medusa.model import Stage

SLOT_OF = {
    Stage.RESOLVE: "fetch",
    Stage.FETCH: "fetch",
    # Its source is what a stream waits for, and that must keep no finished file from being uploaded.
    Stage.STREAM: "fetch",
    Stage.PROCESS: "process",
    Stage.UPLOAD: "upload",
    Stage.POST: "upload",
}
"""Which kind of slot a stage runs in."""
Turn = Callable[[], tuple[int, int]]
"""Whose turn it is, as a key of which the lowest goes first; asked when a place is free, since turns can change."""


MOST_ASIDE = 100
"""Jobs that may wait beside the slots for others which do the same."""


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


class Claims:
    """Who holds a slot of which kind, or is about to ask for one, and at which host; ``fetch`` is where hosts count."""

    def __init__(self, slots: Mapping[str, Slot]) -> None:
        self.room = sum(slot.count for slot in slots.values())
        self.per_host = 2
        self._slots = slots
        self._claims: dict[int, tuple[str, str]] = {}

    def room_beside(self, jobs: int) -> bool:
        """Whether one more of ``jobs`` may be at work; not many may have stepped aside, as some have."""
        return len(self._claims) < self.room and jobs - len(self._claims) < MOST_ASIDE

    def put(self, number: int, kind: str, host: str) -> None:
        """Note what job ``number`` needs now, in place of what it needed before."""
        self._claims[number] = (kind, host)

    def drop(self, number: int) -> None:
        """Note that the job needs nothing for now."""
        self._claims.pop(number, None)

    def has(self, number: int) -> bool:
        """Whether the job needs something now."""
        return number in self._claims

    def use(self) -> dict[str, tuple[int, int]]:
        """How many slots there are of each kind, and how many of them are spoken for."""
        taken = Counter(kind for kind, _ in self._claims.values())
        return {kind: (slot.count, min(slot.count, taken[kind])) for kind, slot in self._slots.items()}

    def full(self, kind: str) -> bool:
        """Whether all slots of a kind are spoken for."""
        return sum(claimed == kind for claimed, _ in self._claims.values()) >= self._slots[kind].count

    def crowded(self) -> list[str]:
        """The hosts that get no further visitor; a job that names no host is none."""
        visits = Counter(host for kind, host in self._claims.values() if kind == "fetch" and host)
        return [host for host, count in visits.items() if count >= self.per_host]

    def allow(self, kind: str, host: str) -> bool:
        """Whether one more job may start, with a need of this kind at this host."""
        return not self.full(kind) and (kind != "fetch" or host not in self.crowded())
