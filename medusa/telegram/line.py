"""The client's main connection: made again for ever, with growing pauses, and its breaks told once."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
from telethon.network import ConnectionTcpFull

from medusa.model import Notice, Tell
from medusa.observe.metrics import BREAKS
from medusa.words import span

log = structlog.get_logger()

T = TypeVar("T")

ANSWER_WITHIN = 60.0
"""Seconds that Telegram gets to answer a simple question."""
LONGEST_PAUSE = 300.0
"""Seconds; the ceiling of the growing pauses between tries to connect again."""
WORTH_TELLING = 300.0
"""Seconds without a connection after which the owner hears of it."""
_STEADY = 1.0
"""Seconds that a connection must have stood for its break not to count as one more failure in a row."""


class Line:
    """What is known of the connection: whether it stands, since when it does not, how often it failed in a row."""

    def __init__(self) -> None:
        self.tell: Tell = unheard
        """Hears of a connection that was away for long, once it is back."""
        self._failures = 0
        self._stands_at = float("inf")
        self._lost_at: float | None = None
        self._deadline: asyncio.Timeout | None = None
        self._once: set[asyncio.Future[Any]] = set()
        """Calls that are not to be made again when the connection breaks."""

    def pause(self) -> float:
        """Seconds to wait before the next try, none after the first break; uneven, for many break at once."""
        if self._failures < 2:
            return 0.0
        return min(LONGEST_PAUSE, 2.0 ** (self._failures - 1)) * random.uniform(0.5, 1.0)  # noqa: S311 (spreads load)

    @property
    def away(self) -> bool:
        """Whether Telegram cannot be reached, as far as is known."""
        return self._lost_at is not None

    @property
    def stood_for(self) -> float:
        """Seconds for which there has been a socket; none when there is none."""
        return max(0.0, time.monotonic() - self._stands_at)

    def stands(self) -> None:
        """Note that there is a socket; whether anybody answers is another question."""
        self._stands_at = time.monotonic()
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time() + ANSWER_WITHIN)

    def heard(self) -> None:
        """Note that Telegram has sent something."""
        if self._lost_at is None:
            return
        away, self._lost_at = time.monotonic() - self._lost_at, None
        log.info("telegram.back", seconds=round(away, 1))
        if away >= WORTH_TELLING:
            self.tell(
                Notice.SESSION,
                f"Telegram could not be reached for {span(away)}; now it can. Nothing was lost, all goes on.",
            )

    def broke(self, error: Exception) -> None:
        """Note a failure; only the first in a row is worth a line."""
        for call in self._once:
            call.cancel()
        steady = time.monotonic() - self._stands_at >= _STEADY
        self._failures, self._stands_at = 1 if steady else self._failures + 1, float("inf")
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(None)
        if self._lost_at is None:
            self._lost_at = time.monotonic()
            BREAKS.inc()
            log.warning("telegram.lost", error=str(error) or type(error).__name__)

    async def once(self, call: Coroutine[Any, Any, T]) -> T:
        """Await a call that Telethon must not make again when the connection breaks. Raises ConnectionError then.

        It may have been heard all the same.
        """
        task = asyncio.ensure_future(call)
        self._once.add(task)
        try:
            await asyncio.wait({task})
        finally:
            self._once.discard(task)
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        if task.cancelled():
            raise ConnectionError("the connection broke before the answer came")
        return task.result()

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Let the block end with TimeoutError when the connection stands, and what it asks is not answered.

        However long it takes to make a connection does not count.
        """
        async with asyncio.timeout(None) as deadline:
            self._deadline = deadline
            try:
                yield
            finally:
                self._deadline = None


class _Connection(ConnectionTcpFull):  # type: ignore[misc]  # Telethon has no types
    """Telethon makes a broken one again after a second, for ever; here, the pauses grow."""

    line: Line
    session: Any

    @property
    def _main(self) -> bool:
        return bool(self._dc_id == self.session.dc_id)

    async def connect(self, timeout: float | None = None, ssl: Any = None) -> None:
        if self._main:
            await asyncio.sleep(self.line.pause())
        try:
            await super().connect(timeout, ssl)
        except OSError as error:
            if self._main:
                self.line.broke(error)
            raise
        if self._main:
            self.line.stands()

    async def recv(self) -> Any:
        try:
            packet = await super().recv()
        except Exception as error:
            if self._main:
                self.line.broke(error)
            raise
        if self._main:
            self.line.heard()
        return packet


def connection(line: Line, session: Any) -> type[Any]:
    """A kind of connection for the client of ``session``; that to its own data centre tells ``line`` how it fares."""
    return type("Connection", (_Connection,), {"line": line, "session": session})


def unheard(_kind: Notice, _line: str) -> None:
    """What happens to news before anybody listens."""
