"""Takes Medusa's pulse: is it ready for work, and if not, why; and the gauges of its metrics."""

import asyncio
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from medusa import __version__, process
from medusa.config import Config
from medusa.errors import MedusaError
from medusa.observe import metrics
from medusa.room import Room
from medusa.scheduler import Scheduler
from medusa.storage.folder import DATABASE
from medusa.storage.jobs import Jobs
from medusa.storage.store import Store
from medusa.telegram.client import Account
from medusa.telegram.clock import TOO_FAR, Clock
from medusa.words import size, span

log = structlog.get_logger()

CHILD_EVERY = 600.0
"""Seconds from one try whether children can start to the next."""
CHILD_AGAIN = 30.0
"""The same while they can't."""
CHILD_WITHIN = 20.0
BACKUP_WITHIN = 8 * 86400.0
"""Seconds that the last backup may be old: a week, and a day for one that came late."""
BEAT = 1.0
WORTH_A_LINE = 2.0
"""Seconds of a stall of the event loop that is worth a line in the log."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that work needs: is it well, and what is seen of it, in words."""

    name: str
    well: bool
    seen: str


class Vitals:
    """What is known of Medusa's health.

    ``backup`` gives the Unix time of the last backup that was read back, 0 for none yet, None where none are wanted.
    """

    def __init__(
        self,
        account: Account,
        store: Store,
        jobs: Jobs,
        scheduler: Scheduler,
        room: Room,
        clock: Clock,
        config: Config,
        ffmpeg: Path | None,
    ) -> None:
        self._account = account
        self._store = store
        self._jobs = jobs
        self._scheduler = scheduler
        self._room = room
        self._clock = clock
        self._data, self._work = config.data, config.work
        self._ffmpeg = ffmpeg
        self.backup: Callable[[], float | None] = lambda: None
        self._children = Check("children", True, "not tried yet")

    async def run(self) -> None:
        """Watch how punctual the event loop is, and whether children can start, until cancelled."""
        metrics.STARTED.set(time.time())
        metrics.BUILD.info({"version": __version__, "python": platform.python_version()})
        async with asyncio.TaskGroup() as group:
            group.create_task(_watch_loop())
            while True:
                self._children = await self._tried()
                await asyncio.sleep(CHILD_EVERY if self._children.well else CHILD_AGAIN)

    async def ready(self) -> list[Check]:
        """Look at everything that work needs, which takes a few milliseconds."""
        checks = [self._telegram(), await self._storage(), self._disk(), self._children, self._time()]
        checks += self._backups()
        metrics.READY.set(all(check.well for check in checks))
        return checks

    def _telegram(self) -> Check:
        stands = self._account.client.is_connected() and not self._account.client.line.away
        metrics.CONNECTED.set(stands)
        return Check("telegram", stands, "connected" if stands else "cannot be reached just now; all jobs wait")

    async def _storage(self) -> Check:
        try:
            await self._store.probe()
        except MedusaError as error:
            return Check("store", False, error.user_text)
        return Check("store", True, "can be written")

    def _disk(self) -> Check:
        try:
            free, kept = self._room.free()
        except OSError as error:
            return Check("disk", False, f"the work folder can't be reached: {error.strerror}")
        return Check("disk", free >= kept, f"{size(free)} free, {size(kept)} are to stay free")

    async def _tried(self) -> Check:
        """Start a child as jobs do: in a cage, in the work folder."""
        if self._ffmpeg is None:
            return Check("children", False, "ffmpeg is not found, so videos are posted as plain files")
        argv = [str(self._ffmpeg), "-hide_banner", "-version"]
        try:
            self._work.mkdir(mode=0o700, parents=True, exist_ok=True)
            done = await process.run(argv, cwd=self._work, timeout=CHILD_WITHIN)
        except (MedusaError, OSError) as error:
            return Check("children", False, f"ffmpeg can't be started: {error}")
        return Check("children", done.code == 0, "start" if done.code == 0 else f"ffmpeg fails with code {done.code}")

    def _time(self) -> Check:
        ahead = self._clock.seen
        if ahead is None:
            return Check("clock", True, "not compared yet")
        metrics.CLOCK_AHEAD.set(ahead)
        return Check("clock", abs(ahead) <= TOO_FAR, f"{ahead:+.1f} s against Telegram's")

    def _backups(self) -> list[Check]:
        last = self.backup()
        if last is None:
            return []
        metrics.LAST_BACKUP.set(last)
        age = time.time() - last
        seen = f"the last one is {span(age)} old" if last else "there is none yet"
        return [Check("backup", age <= BACKUP_WITHIN, seen)]

    async def gauge(self) -> None:
        """Bring the gauges up to date: a few reads, none of which goes through the history."""
        await self.ready()
        for state, count in (await self._jobs.counts()).items():
            metrics.JOBS.labels(state).set(count)
        for kind, (count, busy) in self._scheduler.claims.use().items():
            metrics.SLOTS.labels(kind).set(count)
            metrics.SLOTS_BUSY.labels(kind).set(busy)
        metrics.SCHEMA.set(self._store.version)
        metrics.MEMORY.set(resident())
        metrics.STORE_BYTES.set(_bytes(self._data / DATABASE))
        metrics.WAL_BYTES.set(_bytes(self._data / f"{DATABASE}-wal"))
        try:
            free, kept = self._room.free()
        except OSError:
            return
        metrics.DISK_FREE.set(free)
        metrics.DISK_RESERVE.set(kept)

    def summary(self) -> str:
        """One line on what is going on, for whoever supervises the process."""
        stands = "connected to Telegram" if self._telegram().well else "Telegram cannot be reached"
        return f"{stands}, {len(self._scheduler.live())} jobs at work"


async def _watch_loop() -> None:
    while True:
        due = time.monotonic() + BEAT
        await asyncio.sleep(BEAT)
        late = max(0.0, time.monotonic() - due)
        metrics.STALLS.observe(late)
        if late >= WORTH_A_LINE:
            log.warning("loop.stalled", seconds=round(late, 1))


def resident() -> int:
    """Bytes of memory that this process holds; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
