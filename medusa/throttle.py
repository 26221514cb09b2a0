"""Shares out scarce bandwidth between jobs, fairly and by weight."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

BURST_SECONDS = 0.25
"""How long a limit may be saved up while nobody uses it."""
Way = Literal["down", "up"]
_NORMAL = 2
_HAIR = 1.0
"""Bytes that a bucket may lack all the same, since timers and sums of fractions are never exact."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class Flow:
    """All that one job moves, over however many connections.

    Flows that compete get shares in proportion to their weights, of which 2 is the normal one; none is left out.
    """

    weight: int = _NORMAL
    down: int = 0
    """Bytes that it has fetched so far."""
    up: int = 0
    """Bytes that it has uploaded so far."""

    def count(self, way: Way, size: int) -> None:
        """Note bytes that passed, or with a negative size did not pass after all."""
        if way == "down":
            self.down += size
        else:
            self.up += size


_CURRENT: ContextVar[Flow] = ContextVar("flow", default=Flow())  # noqa: B039 -- what belongs to no job shares one flow


@contextmanager
def own_flow(weight: int = _NORMAL) -> Iterator[Flow]:
    """Make one flow of all that is moved in the block and in tasks that are started there."""
    flow = Flow(weight)
    token = _CURRENT.set(flow)
    try:
        yield flow
    finally:
        _CURRENT.reset(token)


def current_flow() -> Flow:
    """The flow of the block that this runs in."""
    return _CURRENT.get()


@dataclass(eq=False, slots=True)
class Turn:
    """A wait of ``flow`` for ``size`` bytes; ``ready`` is done when it is over."""

    flow: Flow
    size: int
    ready: asyncio.Future[None]


class Turns:
    """Says whose turn it is: within a flow, first come first served; between flows, by weight.

    This is start-time fair queueing (Goyal, Vin and Cheng, 1997): each flow has a virtual time, which runs on by size
    over weight when the flow is served, and the flow that is furthest behind is next. A flow that was away begins at
    the present, so that nobody saves up turns.
    """

    def __init__(self) -> None:
        self._lines: dict[Flow, deque[Turn]] = {}
        self._times: WeakKeyDictionary[Flow, float] = WeakKeyDictionary()
        self._present = 0.0

    def __bool__(self) -> bool:
        return bool(self._lines)

    def join(self, flow: Flow, size: int) -> Turn:
        """Stand in line; ``leave`` has to follow when the wait is given up."""
        if flow not in self._lines:
            self._lines[flow] = deque()
            self._times[flow] = self._time(flow)
        turn = Turn(flow, size, asyncio.get_running_loop().create_future())
        self._lines[flow].append(turn)
        return turn

    def next(self) -> Turn | None:
        """The turn to be served next, or None when nobody waits."""
        while self._lines:
            flow = min(self._lines, key=self._times.__getitem__)
            turn = self._lines[flow][0]
            if not turn.ready.done():
                return turn
            self.leave(turn)  # its task was cancelled a moment ago
        return None

    def serve(self, turn: Turn) -> None:
        """End the wait of a turn that ``next`` has named."""
        self.leave(turn)
        self.charge(turn.flow, turn.size)
        turn.ready.set_result(None)

    def charge(self, flow: Flow, size: int) -> None:
        """Note that a flow has been served, be it without a wait."""
        self._present = self._time(flow)
        self._times[flow] = self._present + size / flow.weight

    def leave(self, turn: Turn) -> bool:
        """Take a turn out of its line; says whether it still stood there."""
        line = self._lines.get(turn.flow, ())
        if turn not in line:
            return False
        self._lines[turn.flow].remove(turn)
        if not self._lines[turn.flow]:
            del self._lines[turn.flow]
        return True

    def _time(self, flow: Flow) -> float:
        return max(self._times.get(flow, 0.0), self._present)


class Throttle:
    """The limit of one direction, ``way``: a token bucket that all flows of this process share.

    In any span of time, at most rate × time + max(``BURST_SECONDS`` of the rate, the largest size) bytes pass. A size
    over the burst passes when the bucket is full and is paid off afterwards.

    Whoever moves bytes says ``await throttle.take(size)`` before sending them, or after reading them and before reading
    more; the flow is that of the job. Lanes, web client and egress proxy do so already. ``counted`` hears of each size.
    """

    def __init__(self, way: Way = "down", counted: Callable[[int], object] = lambda _: None) -> None:
        self._way = way
        self.passed = 0
        """Bytes that were let through so far."""
        self._counted = counted
        self._rate: int | None = None
        self._level = 0.0
        self._at = 0.0
        self._turns = Turns()
        self._timer: asyncio.TimerHandle | None = None

    def limit(self, rate: int | None) -> None:
        """Let ``rate`` bytes a second pass from now on, or any number for None; it holds for those who wait, too."""
        self._refill()
        self._rate = rate
        if rate is None:
            self._level = 0.0
        self._serve()

    def portion(self, most: int) -> int:
        """How many bytes to read at once, at most ``most``, so that a lone reader is never held up for long."""
        return most if self._rate is None else max(1, min(most, int(self._rate * BURST_SECONDS)))

    async def take(self, size: int, flow: Flow | None = None) -> None:
        """Wait until ``size`` bytes may pass; without a limit, this does not wait at all."""
        self.passed += size
        self._counted(size)
        flow = flow or current_flow()
        flow.count(self._way, size)
        if self._rate is None or not size:
            return
        turn = self._turns.join(flow, size)
        self._serve()
        try:
            await turn.ready
        except asyncio.CancelledError:
            self.passed -= size
            flow.count(self._way, -size)
            if not self._turns.leave(turn) and not turn.ready.cancelled():
                self._level += size
            self._serve()
            raise

    def _serve(self) -> None:
        """End the waits that the bucket has enough for, and come back when it has enough for the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._refill()
        while turn := self._turns.next():
            if self._rate is not None:
                missing = min(turn.size, self._rate * BURST_SECONDS) - self._level
                if missing > _HAIR:
                    self._timer = asyncio.get_running_loop().call_later(missing / self._rate, self._serve)
                    return
                self._level -= turn.size
            self._turns.serve(turn)

    def _refill(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._rate is not None:
            full = self._rate * BURST_SECONDS
            self._level = min(full, self._level + (now - self._at) * self._rate)
        self._at = now
