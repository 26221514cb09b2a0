"""Shares out the free room of the work folder's disk among the jobs."""

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from medusa.errors import DiskFull, UserError
from medusa.model import Notice, Tell
from medusa.words import size as shown

log = structlog.get_logger()

KEEP_FREE = 500_000_000
"""Bytes that are kept free unless the owner says otherwise, or a twentieth of a disk of less than 10 GB."""
GUESS = 64_000_000
"""Bytes that a job of unknown size is given room for at first; on a disk of less than 1.3 GB a twentieth."""
LOOK = 0.5
"""Seconds between two looks at the disk while jobs write: what one fetches meanwhile is far less than is kept free."""
IDLE = 30.0
AGAIN = 20.0
"""Seconds after which a job that waits for room asks again."""


@dataclass(slots=True)
class Claim:
    """The room of one job: its ``folder`` may grow to ``size`` bytes."""

    folder: Path
    size: int
    patience: asyncio.Timeout = field(default_factory=lambda: asyncio.timeout(None))
    growing: bool = True

    def settle(self) -> None:
        """Say that nothing more is written; what is there goes when the job ends."""
        self.growing = False

    @property
    def need(self) -> int:
        """Bytes that are still to come."""
        return max(0, self.size - held(self.folder)) if self.growing else 0

    @property
    def exceeded(self) -> bool:
        """Whether it holds more than it was given."""
        return self.growing and held(self.folder) > self.size


@dataclass(frozen=True, slots=True)
class _Disk:
    """Bytes of a disk: all that Medusa might ever use, those that are free now, and those that are kept free."""

    whole: int
    free: int
    kept: int

    @property
    def most(self) -> int:
        return self.whole - self.kept

    @property
    def floor(self) -> int:
        """Half of what is kept is for what nobody foresaw; from there on jobs under way are stopped."""
        return self.kept // 2


class Room:
    """Reserves room for jobs before they fetch, and has them stop before the disk is full.

    ``tell`` hears when the disk of ``folder`` gets low and when it has room again. ``keep_free`` is in bytes, None for
    `KEEP_FREE`. ``run`` is the watch.
    """

    def __init__(self, folder: Path, tell: Tell, keep_free: int | None = None) -> None:
        self._folder = folder
        self._tell = tell
        self._keep_free = keep_free
        self._claims: list[Claim] = []
        """In the order in which they were given."""
        self._waiting: dict[Path, int] = {}
        """What the folders of jobs that wait for room are known to need in all."""
        self._low = False
        self._wake = asyncio.Event()

    @asynccontextmanager
    async def reserved(self, folder: Path, size: int | None, copies: int = 1) -> AsyncIterator[Claim]:
        """Room for ``copies`` times ``size`` bytes in a job's folder while the block runs; what it holds counts.

        An unknown size is guessed, and may grow for as long as there is room. Raises UserError for what can never fit
        and DiskFull when there is no room now, or when the block had to be interrupted because the disk ran full.
        """
        claim = self._give(folder, size, copies)
        try:
            async with claim.patience:
                yield claim
        except OSError as error:
            if claim.patience.expired() or error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._ran_full(claim) from error
            raise
        except DiskFull:
            self._ran_full(claim)
            raise
        finally:
            self._claims.remove(claim)

    def free(self) -> tuple[int, int]:
        """Bytes that are free on the disk, and that are kept free. Raises OSError."""
        disk = self._disk()
        return disk.free, disk.kept

    async def run(self) -> None:
        """Watch the disk until cancelled."""
        while True:
            with suppress(OSError):  # not made yet, or out of reach for a while, which the jobs notice themselves
                self._look()
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK if self._claims else IDLE):
                    await self._wake.wait()

    def _give(self, folder: Path, size: int | None, copies: int) -> Claim:
        disk = self._disk()
        known = self._waiting.get(folder, 0)
        has, least = held(folder), max(size or 0, known)
        if least > max(has, disk.most):
            self._waiting.pop(folder, None)
            raise UserError(f"Needs {shown(least)}, but the disk can hold {shown(disk.most)} at the most.")
        wanted = has + _guess(disk) if size is None else size * copies
        # A second copy is a guess, too: alone on the disk, a job may try without room for it.
        wanted = min(disk.most, max(known, wanted))
        if wanted > has and wanted - has > self._left(disk):
            raise self._refused(folder, wanted, disk)
        self._waiting.pop(folder, None)
        self._claims.append(claim := Claim(folder, wanted))
        self._wake.set()
        return claim

    def _refused(self, folder: Path, wanted: int, disk: _Disk) -> DiskFull:
        self._waiting = {one: need for one, need in self._waiting.items() if one.is_dir()}
        self._waiting[folder] = wanted
        has = held(folder)
        if has and not self._claims and self._would_let_go_on(folder, has, disk):
            log.info("room.given_up", folder=folder.name, size=has)
            _empty(folder)
        words = f"Needs {shown(wanted - has)}, {shown(disk.free)} is free; the job goes on when there is room."
        return DiskFull(words, after=AGAIN)

    def _would_let_go_on(self, folder: Path, has: int, disk: _Disk) -> bool:
        """Whether one that waits could go on without what ``folder`` holds.

        Jobs keep what they have while they wait. When none runs that will give room back, that would hold up all of
        them for ever; so whoever asks next drops its own files if that helps another. Each job knows by then how much
        it needs at the least, and does not begin anew before that much is free: nothing is fetched in a circle.
        """
        left = self._left(disk) + has
        return any(need - held(other) <= left for other, need in self._waiting.items() if other != folder)

    def _ran_full(self, claim: Claim) -> DiskFull:
        """Note what a job that could not go on will need."""
        has, disk = held(claim.folder), self._disk()
        self._waiting[claim.folder] = has + _guess(disk) if has >= claim.size else claim.size
        log.info("room.ran_full", folder=claim.folder.name, size=has)
        words = f"The disk is full: {shown(disk.free)} is free; the job goes on when there is room."
        return DiskFull(words, after=AGAIN)

    def _left(self, disk: _Disk) -> int:
        """Free bytes that are neither kept nor promised."""
        return disk.free - disk.kept - sum(claim.need for claim in self._claims)

    def _look(self) -> None:
        disk = self._disk()
        self._tell_level(disk)
        growing = [claim for claim in self._claims if claim.growing]
        if any(claim.patience.when() is not None for claim in growing):
            return  # one is leaving: what comes of it is seen first
        exceeding = [claim for claim in growing if claim.exceeded]
        if exceeding and self._left(disk) + disk.kept < disk.floor:
            _interrupt(exceeding[-1])  # it takes what was promised to others
        elif growing and disk.free < disk.floor:
            _interrupt(growing[-1])

    def _tell_level(self, disk: _Disk) -> None:
        if not self._low and disk.free < disk.floor:
            self._low = True
            self._tell(Notice.DISK, f"The disk is nearly full: {shown(disk.free)} is free. Jobs wait for room.")
        elif self._low and disk.free >= disk.kept:
            self._low = False
            self._tell(Notice.DISK, f"The disk has room again: {shown(disk.free)} is free.")

    def _disk(self) -> _Disk:
        seen = os.statvfs(self._folder)
        free = seen.f_bavail * seen.f_frsize
        whole = (seen.f_blocks - seen.f_bfree) * seen.f_frsize + free
        return _Disk(whole, free, min(KEEP_FREE, whole // 20) if self._keep_free is None else self._keep_free)


def held(folder: Path) -> int:
    """Bytes of the disk that the files in ``folder`` take; what vanishes meanwhile counts as nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(place, name)).st_blocks * 512  # noqa: PTH118 (twice a second)
    return total


def _guess(disk: _Disk) -> int:
    return min(GUESS, disk.whole // 20)


def _interrupt(claim: Claim) -> None:
    log.info("room.interrupted", folder=claim.folder.name)
    claim.patience.reschedule(asyncio.get_running_loop().time())


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
