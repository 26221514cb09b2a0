"""One campaign: commands are written all along while Medusa suffers, then one undisturbed run, then the verdict."""

import asyncio
import re
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tests.crash.feed import BATCH, Feed
from tests.crash.outside import SAVED, World
from tests.crash.processes import Medusa
from tests.crash.verdict import Verdict, judge

UNTIL_READY = 60.0
"""Seconds within which a Medusa must be ready."""
UNTIL_SETTLED = 180.0
"""Seconds in which the last, undisturbed run must bring something to its end, as long as there is something."""
_QUIET = 1.0
"""Seconds after that end in which whatever is still to be said would be said."""
_RESUMED = re.compile(r"job\.resumed .*stage=(\w+)")
_BAD = re.compile(r"Traceback|job\.broken|command\.broken|\[error|\[critical")
_TAIL = 100
"""Lines of a run that are kept."""


@dataclass(slots=True)
class Record:
    """What happened on the way: blows by their names, those whose moment never came, and what they met.

    ``stages`` counts the jobs that a start found torn out of their stage.
    """

    blows: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    """The last lines of runs that ended as they should not have, or that said what none ever should."""

    def hear(self, medusa: Medusa, code: int) -> None:
        """Take note of a run that has ended."""
        for line in medusa.lines:
            if found := _RESUMED.search(line):
                self.stages[found[1]] += 1
        well = code == (-signal.SIGKILL if medusa.killed else 0)
        if not well or any(_BAD.search(line) for line in medusa.lines):
            self.broken.append("\n".join([f"exit code {code}, having said:", *medusa.lines[-_TAIL:]]))


@dataclass(slots=True)
class Campaign:
    """Commands of the ``kinds`` (all, when none is named), drawn with ``seed``, and what becomes of them.

    ``most`` are under way at once; a batch has ``batch`` items.
    """

    world: World
    seed: int
    kinds: Sequence[str] = ()
    most: int = 6
    batch: int = BATCH
    record: Record = field(default_factory=Record)

    async def run(self, suffer: Callable[[Feed], Awaitable[Medusa]]) -> Verdict:
        """Write commands while ``suffer`` lasts, then let the Medusa that it returns work undisturbed, then judge."""
        await self._listen_to_the_channel()
        feed = Feed(self.world, self.seed, self.kinds, self.most, self.batch)
        writing = asyncio.create_task(feed.run())
        try:
            medusa = await suffer(feed)
            feed.enough = True
            await self._calm(medusa, feed, writing)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return await judge(self.world, feed.wishes)

    async def start(self) -> Medusa:
        """A Medusa that is ready. Raises RuntimeError with what it has said when it never is."""
        medusa = await self.world.start()
        with suppress(TimeoutError):
            await asyncio.wait_for(medusa.ready.wait(), UNTIL_READY)
        if not medusa.ready.is_set():
            raise RuntimeError("it does not start:\n" + "\n".join(medusa.lines[-_TAIL:]))
        return medusa

    async def kill(self, medusa: Medusa) -> None:
        """Kill it, if that has not been done or it has ended, and take note of it."""
        ended = medusa.gone.is_set() and not medusa.killed
        if not ended:
            medusa.kill()
        self.record.hear(medusa, await self.world.zygote.reap(medusa))

    async def end(self, medusa: Medusa) -> None:
        """Ask it to end, and take note of it."""
        if not medusa.gone.is_set():
            medusa.end()
        self.record.hear(medusa, await self.world.zygote.reap(medusa))

    async def _listen_to_the_channel(self) -> None:
        medusa = await self.start()
        asked = self.world.write(SAVED, f"/set chats {self.world.channel}")
        async with asyncio.timeout(UNTIL_READY):
            while (self.world.text(SAVED, asked) or "").startswith("/"):
                await asyncio.sleep(0.05)
        await self.end(medusa)

    async def _calm(self, medusa: Medusa, feed: Feed, writing: "asyncio.Task[None]") -> None:
        """Nothing disturbs it any more; what never settles, the verdict finds lost."""
        with suppress(TimeoutError):
            while feed.under_way or not writing.done():
                async with asyncio.timeout(UNTIL_SETTLED):
                    await self._step(feed, writing)
        if writing.done():
            writing.result()
        await asyncio.sleep(_QUIET)
        await self.end(medusa)

    async def _step(self, feed: Feed, writing: "asyncio.Task[None]") -> None:
        """Wait until something has settled, or everything has."""
        left = len(feed.under_way)
        await feed.until(lambda: len(feed.under_way) != left or (writing.done() and not feed.under_way))
