"""Takes Medusa's pulse: is it ready for work, and if not, why."""

import asyncio
import platform
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from medusa import __version__, process
from medusa.errors import MedusaError
from medusa.findings import Finding, Look
from medusa.observe import metrics
from medusa.storage.store import Store

log = structlog.get_logger()

CHILD_EVERY = 600.0
"""Seconds from one try whether children can start to the next."""
CHILD_AGAIN = 30.0
"""The same while they can't."""
CHILD_WITHIN = 20.0
BEAT = 1.0
WORTH_A_LINE = 2.0
"""Seconds of a stall of the event loop that is worth a line in the log."""


class Vitals:
    """What is known of Medusa's health; ``looks`` are at what work needs beside the store and children."""

    def __init__(self, store: Store, work: Path, ffmpeg: Path | None, looks: Sequence[Look]) -> None:
        self._store = store
        self._work = work
        self._ffmpeg = ffmpeg
        self._looks = looks
        self._children = Finding("children", True, "not tried yet")

    async def run(self) -> None:
        """Watch how punctual the event loop is, and whether children can start, until cancelled."""
        metrics.STARTED.set(time.time())
        metrics.BUILD.info({"version": __version__, "python": platform.python_version()})
        async with asyncio.TaskGroup() as group:
            group.create_task(_watch_loop())
            while True:
                self._children = await self._tried()
                await asyncio.sleep(CHILD_EVERY if self._children.well else CHILD_AGAIN)

    async def ready(self) -> list[Finding]:
        """Look at everything that work needs, which takes a few milliseconds."""
        now = time.time()
        found = [await look(now) for look in (*self._looks, self.store, self.children)]
        metrics.READY.set(all(one.well for one in found))
        return found

    async def store(self, _now: float) -> Finding:
        """Whether something can be noted."""
        try:
            await self._store.probe()
        except MedusaError as error:
            return Finding("store", False, error.user_text)
        return Finding("store", True, "can be written")

    async def children(self, _now: float) -> Finding:
        """Whether children could start when that was last tried."""
        return self._children

    async def _tried(self) -> Finding:
        """Start a child as jobs do: in a cage, in the work folder."""
        if self._ffmpeg is None:
            return Finding("children", False, "ffmpeg is not found, so videos are posted as plain files")
        argv = [str(self._ffmpeg), "-hide_banner", "-version"]
        try:
            self._work.mkdir(mode=0o700, parents=True, exist_ok=True)
            done = await process.run(argv, cwd=self._work, timeout=CHILD_WITHIN)
        except (MedusaError, OSError) as error:
            return Finding("children", False, f"ffmpeg can't be started: {error}")
        return Finding("children", done.code == 0, "start" if done.code == 0 else f"ffmpeg fails with code {done.code}")


async def _watch_loop() -> None:
    while True:
        due = time.monotonic() + BEAT
        await asyncio.sleep(BEAT)
        late = max(0.0, time.monotonic() - due)
        metrics.STALLS.observe(late)
        if late >= WORTH_A_LINE:
            log.warning("loop.stalled", seconds=round(late, 1))
