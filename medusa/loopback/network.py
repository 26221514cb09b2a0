"""The network between clients and server, as slow and as narrow as a test or a benchmark wants it."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Protocol

_SLACK = 0.01


@dataclass(slots=True)
class Network:
    """How far and how wide: what is set here counts for all connections, from the next packet on.

    ``rtt`` is the round trip in seconds: every packet is under way for half of it, while others follow behind it, so
    that distance costs time and no bandwidth. ``up_cap`` (from the client) and ``down_cap`` (to it) are bytes per
    second for each connection; None is as fast as the machine. ``checked`` False spares the server the checks of
    message keys and checksums, which cost it more than all the rest: for measurements that compare whole files.
    """

    rtt: float = 0.0
    up_cap: float | None = None
    down_cap: float | None = None
    checked: bool = True


class Direction:
    """One direction of one connection: a token bucket, and half the way."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._free = 0.0
        self._due = 0.0

    @property
    def free(self) -> float:
        """When, on the loop's clock, all that was admitted has passed the cap."""
        return self._free

    def admit(self, size: int, cap: float | None) -> float:
        """Let ``size`` bytes in; returns when they arrive, on the loop's clock. Nothing overtakes."""
        now = asyncio.get_running_loop().time()
        # The slack makes up for timers that wake late; it is what a pause may save up.
        self._free = max(self._free, now - _SLACK) + size / cap if cap else now
        self._due = max(self._due, max(self._free, now) + self._network.rtt / 2)
        return self._due


async def until(moment: float) -> None:
    """Wait for a moment on the loop's clock; one that is past costs nothing."""
    ahead = moment - asyncio.get_running_loop().time()
    if ahead > 0:
        await asyncio.sleep(ahead)


class Sink(Protocol):
    """Where bytes leave the process."""

    def writelines(self, pieces: tuple[bytes, ...]) -> None:
        """Send the pieces one after the other; after the connection is lost, do nothing."""


class Outlet:
    """What leaves for one client: held back for as long as the network says, then written in order."""

    def __init__(self, network: Network, sink: Sink) -> None:
        self._network = network
        self._sink = sink
        self._direction = Direction(network)
        self._waiting: deque[tuple[bytes, ...]] = deque()
        self._last = 0.0
        self.held = 0
        """Bytes on their way."""

    def send(self, pieces: tuple[bytes, ...]) -> None:
        """Send one packet."""
        if not (self._waiting or self._network.rtt or self._network.down_cap):
            self._sink.writelines(pieces)
            return
        size = sum(map(len, pieces))
        self._last = self._direction.admit(size, self._network.down_cap)
        self._waiting.append(pieces)
        self.held += size
        asyncio.get_running_loop().call_at(self._last, self._release)

    def _release(self) -> None:
        # Timers of the same moment may run in any order; each lets the oldest packet go.
        if self._waiting:
            pieces = self._waiting.popleft()
            self.held -= sum(map(len, pieces))
            self._sink.writelines(pieces)

    async def passed(self) -> None:
        """Wait until what was sent has passed the cap: a sender faster than that has to wait for its turn."""
        await until(self._direction.free)

    async def emptied(self) -> None:
        """Wait until the last packet has been written."""
        while self._waiting:
            await until(self._last)
            await asyncio.sleep(0)

    def clear(self) -> None:
        """Lose what is on its way: the connection is cut."""
        self._waiting.clear()
        self.held = 0
