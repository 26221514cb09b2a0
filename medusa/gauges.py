"""Brings the gauges of the metrics up to date when somebody asks for them."""

import os
from pathlib import Path

from medusa.backups.service import Backups
from medusa.observe import metrics
from medusa.room import Room
from medusa.scheduler import Scheduler
from medusa.storage.folder import DATABASE
from medusa.storage.jobs import Jobs
from medusa.storage.store import Store
from medusa.telegram.client import Account
from medusa.telegram.clock import Clock


class Gauges:
    """What the gauges are read from."""

    def __init__(
        self,
        account: Account,
        store: Store,
        jobs: Jobs,
        scheduler: Scheduler,
        room: Room,
        clock: Clock,
        backups: Backups,
        data: Path,
    ) -> None:
        self._account = account
        self._store = store
        self._jobs = jobs
        self._scheduler = scheduler
        self._room = room
        self._clock = clock
        self._backups = backups
        self._data = data

    async def read(self) -> None:
        """Set them all: a few reads, none of which goes through the history."""
        metrics.CONNECTED.set(self._account.connected)
        if self._clock.seen is not None:
            metrics.CLOCK_AHEAD.set(self._clock.seen)
        if (last := self._backups.latest) is not None:
            metrics.LAST_BACKUP.set(last)
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
