"""The places that backups go to: folders and chats. What is brought there can be fetched back, and thrown away."""

import asyncio
import errno
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from medusa.backups.naming import PART, TAG, part_name, read_part
from medusa.backups.sealed import DAMAGED
from medusa.errors import DiskFull, UserError
from medusa.storage.backups import Record
from medusa.telegram.offsite import Offsite
from medusa.words import moment

MOST_BYTES = 1_900_000_000
"""Of one part: below what an account without Premium may upload."""

Note = Callable[[Record], Awaitable[None]]
"""Commits how far a delivery is."""


@contextmanager
def _in_words(folder: Path) -> Iterator[None]:
    """What the file system says of a folder for backups, in our own words."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"There is no room left in {folder}, where backups go.") from error
        raise UserError(f"The folder {folder} for backups can't be used: {error.strerror}.") from error


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder; it must be there, for a disk that is not mounted would leave an empty one."""

    path: Path

    async def deliver(self, source: Path, record: Record, note: Note) -> Record:
        """Copy the backup there, whole or not at all. Raises UserError, and Transient when the disk is full."""
        del note  # a file is found by its name
        await asyncio.to_thread(self._copy, source, record.name)
        return record

    async def fetch(self, record: Record, to: Path) -> None:
        """Read it back. Raises UserError."""
        with _in_words(self.path):
            await asyncio.to_thread(shutil.copyfile, self.path / record.name, to)

    async def remove(self, record: Record) -> None:
        """Throw it away, or what a kill has left of it."""
        with _in_words(self.path):
            for path in (self.path / record.name, self._draft(record.name)):
                await asyncio.to_thread(path.unlink, missing_ok=True)

    def _draft(self, name: str) -> Path:
        return self.path / f".{name}.new"

    def _copy(self, source: Path, name: str) -> None:
        draft = self._draft(name)
        with _in_words(self.path):
            if not self.path.is_dir():
                raise UserError(f"The folder {self.path} for backups is not there. Is its disk mounted?")
            try:
                draft.unlink(missing_ok=True)
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with os.fdopen(descriptor, "wb") as file, source.open("rb") as original:
                    shutil.copyfileobj(original, file)
                    file.flush()
                    os.fsync(descriptor)
                draft.replace(self.path / name)
            finally:
                with suppress(OSError):
                    draft.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Chat:
    """Saved Messages or a channel, by its marked id; ``most`` is how many bytes one part may have."""

    offsite: Offsite
    chat_id: int
    most: int = MOST_BYTES

    async def deliver(self, source: Path, record: Record, note: Note) -> Record:
        """Post the backup in parts, each of which is noted at once. Raises MedusaError."""
        size = (await asyncio.to_thread(source.stat)).st_size
        count = -(-size // self.most)
        for number in range(1, count + 1):
            offset = (number - 1) * self.most
            span = offset, min(self.most, size - offset)
            name = part_name(record.name, number, count)
            part = f" · part {number} of {count}" if count > 1 else ""
            caption = f"Medusa backup of {moment(record.at)}{part}\nRestore it: python3 run.py restore latest\n{TAG}"
            message_id = await self.offsite.put(self.chat_id, source, span, name, caption)
            record = replace(record, messages=(*record.messages, message_id))
            await note(record)
        return record

    async def fetch(self, record: Record, to: Path) -> None:
        """Download it again. Raises UserError when a part is gone."""
        deposits = await self.offsite.numbered(self.chat_id, record.messages)
        if [one.message_id for one in deposits] != list(record.messages):
            raise UserError(DAMAGED)
        await self.offsite.fetch(deposits, to)

    async def remove(self, record: Record) -> None:
        """Delete its messages, those included that a kill kept from being noted."""
        found = await self.offsite.found(self.chat_id, TAG, PART)
        lost = {one.message_id for one in found if (part := read_part(one.name)) and part.backup == record.name}
        if numbers := sorted({*record.messages, *lost}):
            await self.offsite.messenger.delete(self.chat_id, numbers)
