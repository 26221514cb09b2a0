"""Sees to it day by day that what has grown old goes, and that the file does not stay larger than it has to be."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from medusa.care.handing import write_export
from medusa.errors import MedusaError
from medusa.patience import until_it_works
from medusa.settings import ARCHIVE, KEEP, Settings
from medusa.storage import Store
from medusa.storage.retention import Old

log = structlog.get_logger()

EVERY = 86400.0
"""Seconds from one run to the next."""
FIRST = 600.0
"""Seconds after the start, so that it has passed."""
PAUSE = 0.5
"""Seconds between two transactions."""
WORTH = 4 * 1024 * 1024
"""Bytes of empty pages for which the file is written anew, if they are at least half of it."""


@dataclass(slots=True)
class Swept:
    """What a run has removed: rows by table, bytes before and after, and the longest that others had to wait (s)."""

    rows: dict[str, int] = field(default_factory=dict)
    before: int = 0
    after: int = 0
    longest: float = 0.0

    def add(self, rows: dict[str, int]) -> None:
        """Count what was removed."""
        for table, count in rows.items():
            self.rows[table] = self.rows.get(table, 0) + count


class Keeper:
    """Removes old rows in small transactions.

    ``send`` hands the owner a file before what is in it goes, if the owner wants an archive; ``resting`` says that no
    job is running, since everybody waits while the file is written anew.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        send: Callable[[Path, str], Awaitable[None]],
        resting: Callable[[], bool],
        scratch: Path,
        *,
        pause: float = PAUSE,
    ) -> None:
        self._store = store
        self._settings = settings
        self._send = send
        self._resting = resting
        self._scratch = scratch
        self._pause = pause
        self.worth = WORTH
        self._old = Old(store)

    async def run(self) -> None:
        """Sweep once a day until cancelled."""
        await asyncio.sleep(FIRST)
        while True:
            try:
                swept = await until_it_works(lambda: self.sweep(time.time()))
                log.info("retention.swept", rows=swept.rows, before=swept.before, after=swept.after)
            except MedusaError as error:
                if error.fatal:
                    raise
                log.warning("retention.failed", reason=error.user_text)
            await asyncio.sleep(EVERY)

    @property
    def _keep(self) -> dict[str, float | None]:
        return {name: self._settings[setting] for name, setting in KEEP.items()}

    async def count(self, now: float) -> dict[str, int]:
        """How many rows of each table would go now, and nothing goes."""
        return await self._old.count(self._keep, now)

    async def sizes(self) -> tuple[int, int]:
        """Bytes of the state file, and how many of them hold nothing."""
        return await self._old.sizes()

    async def sweep(self, now: float) -> Swept:
        """Remove what is old, and write the file anew if that is worth it. Raises MedusaError."""
        swept = Swept(before=(await self.sizes())[0])
        if self._settings[ARCHIVE] and await self.count(now):
            await self._archived(now)
        keep = self._keep
        while gone := await self._timed(swept, self._old.remove_some(keep, now)):
            swept.add(gone)
            await asyncio.sleep(self._pause)
        size, free = await self.sizes()
        if free >= self.worth and 2 * free >= size and self._resting():
            await self._timed(swept, self._store.rewrite())
        swept.after = (await self.sizes())[0]
        return swept

    async def _timed(self, swept: Swept, work: Awaitable[dict[str, int] | None]) -> dict[str, int] | None:
        began = time.monotonic()
        done = await work
        swept.longest = max(swept.longest, time.monotonic() - began)
        return done

    async def _archived(self, now: float) -> None:
        """Hand the owner an export before anything goes; what stands in it, secrets excepted, is all that there is."""
        day = datetime.fromtimestamp(now).strftime("%Y-%m-%d")  # noqa: DTZ006 (the owner's day)
        path = self._scratch / "archive.jsonl"
        try:
            await write_export(self._store, path, now)
            await self._send(path, f"medusa-archive-{day}.jsonl")
        finally:
            with suppress(OSError):  # where none could be written either
                path.unlink(missing_ok=True)
