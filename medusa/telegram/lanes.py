"""The pool of connections that all transfers of one direction share: its pace, its flood gate, its retries."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog
from telethon import errors as rpc

from medusa.errors import FOREVER, Transient
from medusa.observe.metrics import FLOOD_SECONDS, FLOOD_WAITS
from medusa.telegram.client import MOST_WAIT, Account
from medusa.telegram.errors import BROKEN_CONNECTION, flood_wait
from medusa.telegram.lane import STUCK_AFTER, Endpoint, Lane
from medusa.telegram.pace import Ceiling, Pace, ceiling
from medusa.telegram.packets import Packer
from medusa.telegram.parts import PART_SIZE
from medusa.throttle import Throttle, Turns, current_flow

log = structlog.get_logger()

IDLE_AFTER = 30.0
"""Seconds without a transfer after which the connections are closed."""
PART_TRIES = 8
"""Failures of one request before its transfer is put off."""
_THREADS = 2

Answer = TypeVar("Answer")
Ask = Callable[[Lane], Coroutine[Any, Any, Answer]]
Locate = Callable[[], Awaitable[Endpoint]]
Told = Callable[[int], None]
"""Hears that Telegram wants a wait of so many seconds."""


class Lanes:
    """Lanes to one data centre: opened when they pay, closed when idle, replaced when broken.

    ``locate`` names the data centre, by default the account's own; ``most`` bounds connections and parts, by default
    from the machine's memory and the account. ``throttle`` limits the bytes a second, by default not at all.
    """

    def __init__(
        self,
        account: Account,
        *,
        locate: Locate | None = None,
        most: Ceiling | None = None,
        stuck_after: float = STUCK_AFTER,
        throttle: Throttle | None = None,
    ) -> None:
        self._client = account.client
        self._locate = locate or self._home
        self._most = most or ceiling(machine_memory(), premium=account.premium)
        self._stuck_after = stuck_after
        self.pace = Pace(self._most)
        self._packer = Packer(min(_THREADS, _cores()))
        self._lanes: dict[int, Lane] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._load: Counter[int] = Counter()
        self._busy = 0
        self._throttle = throttle or Throttle()
        self._line = Turns()
        self._held_until = 0.0
        self._users = 0
        self._idle: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_closing()
        await self._close_all()

    @asynccontextmanager
    async def in_use(self) -> AsyncIterator[None]:
        """While the block runs, the lanes stay open."""
        self._users += 1
        try:
            await self._stop_closing()
            yield
        finally:
            self._users -= 1
            if self._users == 0:
                self._idle = asyncio.get_running_loop().call_later(IDLE_AFTER, self._start_closing)

    async def place(self, size: int = PART_SIZE) -> None:
        """Wait for leave to move ``size`` bytes and for room for one more request under way; ``leave`` has to follow.

        Jobs take turns, whatever they have waiting here; those of one job are first come first served.
        """
        flow = current_flow()
        await self._throttle.take(size, flow)
        if self._busy < self.pace.window and not self._line:
            self._busy += 1
            self._line.charge(flow, size)
            return
        turn = self._line.join(flow, size)
        try:
            await turn.ready
        except asyncio.CancelledError:
            if not self._line.leave(turn) and not turn.ready.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Note that a request is no longer under way."""
        self._busy -= 1
        self._admit()

    async def ask(self, ask: Ask[Answer], told: Told, *, size: int, tries: int = PART_TRIES) -> Answer:
        """Have ``ask`` done over some lane until it is answered; it may be called several times.

        Flood waits hold all lanes back and are no failures. ``size`` is how many bytes the request moves, each time
        anew; ``place`` has let the first of them pass. Raises Transient after ``tries`` failures or for a long flood
        wait, and whatever else Telegram answers.
        """
        failures, again = 0, False
        while True:
            await self._gate()
            if again:
                await self._throttle.take(size)
            again = True
            try:
                return await self._ask_once(ask, whole=size == PART_SIZE)
            except (rpc.FloodWaitError, rpc.FloodPremiumWaitError) as flood:
                self._hold(flood.seconds or 1)
                told(flood.seconds or 1)
            except (rpc.ServerError, rpc.TimedOutError, *BROKEN_CONNECTION) as error:
                failures += 1
                log.info("transfer.failed", failures=failures, error=type(error).__name__)
                if failures == tries:
                    words = "The transfer broke off again and again; what was sent is kept."
                    raise Transient(words, after=10, tries=FOREVER) from error
                await asyncio.sleep(min(8.0, 0.1 * 2**failures) * random.uniform(0.7, 1.3))  # noqa: S311 -- mere jitter

    async def _ask_once(self, ask: Ask[Answer], *, whole: bool) -> Answer:
        """One try over the lane with the least to do; a lane that breaks is taken out."""
        loop = asyncio.get_running_loop()
        number = min(range(self.pace.lanes), key=lambda one: (self._load[one], one))
        self._load[number] += 1
        lane = None
        try:
            lane = await self._lane(number)
            begin = loop.time()
            answer = await ask(lane)
        except BROKEN_CONNECTION:
            self.pace.troubled(loop.time())
            if lane is not None:
                await self._drop(number, lane)
            raise
        finally:
            self._load[number] -= 1
        if whole:
            self.pace.answered(loop.time() - begin, loop.time())
            self._admit()
        return answer

    async def _lane(self, number: int) -> Lane:
        """Lane ``number``, opened if it was not yet or is broken. Raises ConnectionError when that fails."""
        async with self._locks.setdefault(number, asyncio.Lock()):
            lane = self._lanes.get(number)
            if lane is not None and lane.alive:
                return lane
            if lane is not None:
                await self._drop(number, lane)
            lane = Lane(self._client, await self._locate(), self._packer, self._stuck_after)
            try:
                await lane.open()
            except BaseException:
                await lane.close()
                raise
            self._lanes[number] = lane
            log.debug("lane.open", lane=number)
            return lane

    async def _drop(self, number: int, lane: Lane) -> None:
        """Close a lane that does not answer, so that the next use opens a new one."""
        if self._lanes.get(number) is lane:
            del self._lanes[number]
        await lane.close()

    async def _home(self) -> Endpoint:
        """The account's own data centre, with what its main connection knows."""
        session, state = self._client.session, self._client._sender._state  # noqa: SLF001
        return Endpoint(session.server_address, session.port, session.auth_key, state.salt, state.time_offset)

    def _admit(self) -> None:
        while self._busy < self.pace.window and (turn := self._line.next()):
            self._busy += 1
            self._line.serve(turn)

    def _hold(self, seconds: int) -> None:
        """Hold all lanes back (https://core.telegram.org/api/errors#420-flood). Raises Transient for a long wait."""
        FLOOD_WAITS.inc()
        FLOOD_SECONDS.inc(seconds)
        log.info("transfer.flood", seconds=seconds)
        if seconds > MOST_WAIT:
            raise flood_wait(seconds)
        now = asyncio.get_running_loop().time()
        self._held_until = max(self._held_until, now + seconds)
        self.pace.troubled(now, lasting=seconds)

    async def _gate(self) -> None:
        loop = asyncio.get_running_loop()
        while (wait := self._held_until - loop.time()) > 0:  # noqa: ASYNC110 -- meanwhile, another flood may prolong it
            await asyncio.sleep(wait)

    def _start_closing(self) -> None:
        self._closing = asyncio.create_task(self._close_all())

    async def _stop_closing(self) -> None:
        """Stay open; but closing that has begun is seen through."""
        if self._idle is not None:
            self._idle.cancel()
        if self._closing is not None:
            await asyncio.wait({self._closing})
            self._closing = None

    async def _close_all(self) -> None:
        while self._lanes:
            _, lane = self._lanes.popitem()
            await lane.close()
        self._packer.close()
        self.pace = Pace(self._most)


def _cores() -> int:
    """How many processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine_memory() -> int:
    """Bytes of memory that this process may count on: the machine's, or its container's if that is less."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return memory
    return min(memory, int(limit)) if limit.isdecimal() else memory
