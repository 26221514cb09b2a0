"""Makes backups when they are due or asked for, proves each where it went, and throws old ones away only then."""

import asyncio
import functools
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from medusa.backups.copies import Manifest, check_copy, write_copy
from medusa.backups.naming import backup_name
from medusa.backups.places import MOST_BYTES, Chat, Folder
from medusa.backups.times import Kept, due, kept, pause
from medusa.errors import DiskFull, MedusaError, Transient, UserError
from medusa.model import Notice, Tell
from medusa.patience import to_the_end, until_it_works
from medusa.settings import BACKUP, BACKUP_KEEP, BACKUP_TO, PREFIX, Settings
from medusa.storage import Store
from medusa.storage.backups import BackupTable, Record
from medusa.storage.errors import translated_files
from medusa.telegram.offsite import Offsite
from medusa.words import size as shown

log = structlog.get_logger()

FOLDER = "backups"
"""The folder, within that of the state, in which backups are made and, unless the owner says otherwise, stay."""
FIRST = 300.0
"""Seconds after a start in which none is made: a process that dies again and again has other troubles."""
GRACE = 3600.0
"""Seconds after the start in which nobody misses the first backup."""
LOOK = 60.0
"""Seconds between two looks at the clock."""
_ROOM = 16 * 1024 * 1024
"""Free bytes that making a backup leaves to the state."""
_DRAFT, _BACK, _SCRATCH = ".draft", ".back", ".check.db"
ALONE = "Medusa is not connected to Telegram now: name a folder."


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that proved itself in all of its places."""

    manifest: Manifest
    records: tuple[Record, ...]


class Backups:
    """The backups of the state in the folder ``home``. Without an ``offsite`` they can only go to folders.

    ``most`` is how many bytes one part in a chat may have.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        tell: Tell,
        home: Path,
        offsite: Offsite | None = None,
        *,
        most: int = MOST_BYTES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.table = BackupTable(store)
        self.offsite = offsite
        self.most = most
        self._store = store
        self._settings = settings
        self._tell = tell
        self._folder = home / FOLDER
        self._database = home
        self._now = now
        self._turn = asyncio.Lock()
        self._begun = now()
        self._last_good: float | None = None
        self._failures = 0

    @property
    def last_good(self) -> float | None:
        """When the last backup was made that proved itself (Unix seconds); None when there is none."""
        return self._last_good

    @property
    def latest(self) -> float | None:
        """The same as others ask for it: 0 where one is missing, None where none is wanted or the first is to come."""
        fresh = self._now() - self._begun < GRACE and not self._failures
        if self._settings[BACKUP] is None or (self._last_good is None and fresh):
            return None
        return self._last_good or 0.0

    @property
    def failures(self) -> int:
        """How many scheduled backups in a row have failed."""
        return self._failures

    async def load(self) -> None:
        """Read when the last good backup was made."""
        self._last_good = max((one.at for one in await self.table.records() if one.good), default=None)

    async def run(self) -> None:
        """Make backups when they are due, until cancelled."""
        await until_it_works(self.load)
        await asyncio.sleep(FIRST)
        while True:
            every = self._settings[BACKUP]
            wait = LOOK
            if every is not None and due(self._now(), self._last_good, every):
                wait = LOOK if await self._tried() else pause(self._failures, every)
            await asyncio.sleep(wait)

    async def _tried(self) -> bool:
        """Make the backup that is due, and tell the owner what has to be known of it."""
        try:
            places = self._settings[BACKUP_TO]
            await self.make(places, rotate=True)
        except MedusaError as error:
            if error.fatal:
                raise
            self._failures += 1
            log.warning("backup.failed", reason=error.user_text, failures=self._failures)
            self._tell(Notice.BACKUP, f"The backup has failed; it is tried again. {error.user_text}")
            return False
        if self._failures:
            self._tell(Notice.BACKUP, "Backups work again.")
        self._failures = 0
        if not (await self.table.key()).shown:
            prefix = self._settings[PREFIX][0]
            self._tell(
                Notice.BACKUP, f"Backups are made. None can be opened without your backup key: {prefix}backup key"
            )
        return True

    async def make(self, places: Sequence[str], *, rotate: bool = False, login: bool = False) -> Made:
        """Make a backup, bring it to all of the places, and read it back from each; then old ones may go.

        Raises MedusaError that names what went wrong, when that was in one place only, after the others are done.
        """
        async with self._turn:
            await self._clear()
            at = self._now()
            draft = self._folder / _DRAFT
            try:
                manifest = await self._drafted(draft, at, login=login)
                name = backup_name(at)
                records, problems = await self._delivered(draft, name, manifest, places)
            finally:
                self._sweep()
            if rotate:
                await self._rotate([record.place for record in records])
            if problems:
                raise _all_of(problems)
            self._last_good = at
            log.info("backup.made", name=name, size=records[0].size, rows=sum(manifest.counts.values()))
            return Made(manifest, tuple(records))

    async def _drafted(self, draft: Path, at: float, *, login: bool) -> Manifest:
        key = (await self.table.key()).key
        who = await self.table.instance()
        account = self.offsite.account.user_id if self.offsite else None
        with translated_files(self._folder):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._check_room()
            write = functools.partial(write_copy, out=draft, key=key, who=who, account=account, now=at, login=login)
            return await self._store.aside(write)

    def _check_room(self) -> None:
        """A backup, the copy that is read back, and the state that is made of it must find room beside the state."""
        need = 2 * sum(path.stat().st_size for path in self._database.glob("medusa.db*")) + _ROOM
        seen = os.statvfs(self._folder)
        free = seen.f_bavail * seen.f_frsize
        if free < need:
            raise DiskFull(f"A backup needs {shown(need)} of room for a moment, {shown(free)} is free.", after=LOOK)

    async def _delivered(
        self, draft: Path, name: str, manifest: Manifest, places: Sequence[str]
    ) -> tuple[list[Record], list[MedusaError]]:
        """Bring a backup to all places; returns where it is, and what went wrong elsewhere."""
        size = (await asyncio.to_thread(draft.stat)).st_size
        records, problems = [], list[MedusaError]()
        for place in dict.fromkeys(map(self._resolved, places)):
            record = Record(name, place, manifest.created, size)
            try:
                records.append(await self._one(draft, record, manifest))
            except MedusaError as error:
                if error.fatal:
                    raise
                problems.append(error)
                with suppress(MedusaError):
                    await self._forget(record)
        return records, problems

    async def _one(self, draft: Path, record: Record, manifest: Manifest) -> Record:
        """Bring a backup to one place, and prove that it can be restored from there."""
        await self.table.put(record)
        place = self._place(record)
        back = self._folder / _BACK
        with translated_files(self._folder):
            record = await place.deliver(draft, record, self.table.put)
            await place.fetch(record, back)
        key = (await self.table.key()).key
        found = await to_the_end(asyncio.to_thread(check_copy, back, key, self._folder / _SCRATCH))
        if found != manifest:
            raise UserError("What was read back is another backup than the one that was made.")
        record = replace(record, good=True)
        await self.table.put(record)
        return record

    async def _rotate(self, places: Sequence[str]) -> None:
        """Throw away what is older than the owner keeps, in the places of the schedule."""
        rule = Kept(*self._settings[BACKUP_KEEP])
        for place in places:
            records = [one for one in await self.table.records() if one.place == place and one.good]
            stay = kept((one.at for one in records), rule)
            for record in records:
                if record.at not in stay:
                    with suppress(MedusaError):  # it stands in the table, so that it goes the next time
                        await self._forget(record)

    async def _clear(self) -> None:
        """Remove what a kill has left of backups that were not finished."""
        self._sweep()
        for record in await self.table.records():
            if not record.good:
                with suppress(MedusaError):
                    await self._forget(record)

    async def _forget(self, record: Record) -> None:
        await self._place(record).remove(record)
        await self.table.drop(record)

    def _sweep(self) -> None:
        for name in (_DRAFT, _BACK, f"{_BACK}.part", _SCRATCH):
            with suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)

    def _resolved(self, place: str) -> str:
        """A place as records have it: an absolute path, or a chat's marked id."""
        if place == "folder":
            return str(self._folder)
        if place == "me":
            if self.offsite is None:
                raise UserError(ALONE)
            return str(self.offsite.account.user_id)
        return place

    def _place(self, record: Record) -> Folder | Chat:
        if record.place.startswith("/"):
            return Folder(Path(record.place))
        if self.offsite is None:
            raise UserError(ALONE)
        return Chat(self.offsite, int(record.place), self.most)


def _all_of(problems: Sequence[MedusaError]) -> MedusaError:
    """One error for what went wrong in several places; it passes by itself if one of them does."""
    if len(problems) == 1:
        return problems[0]
    text = " ".join(dict.fromkeys(problem.user_text for problem in problems))
    return Transient(text) if any(one.retry_after is not None for one in problems) else UserError(text)
