"""Sends files and byte streams to Telegram in parts, as many at once as the shared lanes allow."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog
from telethon import errors as rpc
from telethon.tl import types

from medusa.errors import MedusaError, UserError, first_of
from medusa.model import Progress, Report
from medusa.patience import to_the_end
from medusa.telegram.errors import translate
from medusa.telegram.lane import Lane
from medusa.telegram.lanes import Lanes
from medusa.telegram.messages import new_random_id
from medusa.telegram.packets import Fill, Part
from medusa.telegram.parts import BIG_FILE, PART_SIZE, Ledger, part_count
from medusa.telegram.stream import Cutter, Piece, StreamBroken

log = structlog.get_logger()

SAVE_EVERY = 30.0
"""Seconds between two notes of the confirmed parts, to spare the disk."""

Save = Callable[[Ledger], Coroutine[Any, Any, None]]
Confirmed = Callable[[Part], None]


def new_ledger(path: Path) -> Ledger:
    """A ledger for an upload of the file at ``path`` from its first part on."""
    return Ledger(new_random_id(), path.stat().st_size)


async def nothing_to_save(_: Ledger) -> None:
    """A ``save`` for uploads that are too small to be worth resuming."""


class Uploader:
    """Uploads files and streams over the lanes that it is given."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def upload(self, path: Path, name: str, ledger: Ledger, report: Report, save: Save = nothing_to_save) -> Any:
        """Send the parts that ``ledger`` misses and return Telethon's InputFile or InputFileBig.

        ``save`` is called now and then, and when the upload stops for whatever reason, so that it can go on later.
        Raises Transient when a part fails again and again, UserError when the file is not what the ledger says.
        """
        if ledger.size == 0:
            raise UserError(_EMPTY)
        try:
            await _FileUpload(self._lanes, path, ledger, report, save).run()
        finally:
            try:
                await to_the_end(save(ledger))
            except MedusaError as error:
                log.warning("upload.not_saved", reason=error.user_text)
        if ledger.big:
            return types.InputFileBig(ledger.file_id, ledger.parts, name)
        digest = await asyncio.to_thread(_md5, path)
        return types.InputFile(ledger.file_id, ledger.parts, name, digest)

    async def upload_stream(self, chunks: AsyncIterator[bytes], name: str, size: int | None, report: Report) -> Any:
        """Send what ``chunks`` yields and return Telethon's InputFile or InputFileBig.

        ``size`` is the whole length in bytes if it is known. Nothing but the parts under way is kept in memory, and the
        chunks are asked for only as fast as they can be sent. What has been confirmed cannot be sent again: should
        Telegram forget a part later, the caller needs the data anew.
        Raises StreamBroken when the bytes are not as many as ``size`` says or a part cannot be delivered, UserError
        when there are none; what ``chunks`` raises goes through.
        """
        return await _StreamUpload(self._lanes, name, size, report).run(Cutter(chunks, size))


class _Sending:
    """Parts under way, each in a task of its own; at most as many as the lanes have room for."""

    def __init__(self, lanes: Lanes, report: Callable[[str], None], group: asyncio.TaskGroup) -> None:
        self._lanes = lanes
        self._report = report
        self._group = group

    async def start(self, part: Part, fill: Fill, confirmed: Callable[[], None]) -> None:
        """Wait for room, then send the part in the background; ``confirmed`` is called once Telegram has it."""
        await self._lanes.place()
        task = self._group.create_task(self._send(part, fill, confirmed))
        task.add_done_callback(lambda _: self._lanes.leave())

    async def _send(self, part: Part, fill: Fill, confirmed: Callable[[], None]) -> None:
        def over(lane: Lane) -> Any:
            return lane.send_part(part, fill)

        await self._lanes.ask(over, self._wait, whole=part.size == PART_SIZE)
        confirmed()

    def _wait(self, seconds: int) -> None:
        self._report(f"Telegram asks to wait {seconds} s")


class _FileUpload:
    """One upload of a file under way."""

    def __init__(self, lanes: Lanes, path: Path, ledger: Ledger, report: Report, save: Save) -> None:
        self._lanes = lanes
        self._path = path
        self._ledger = ledger
        self._report = report
        self._save = save
        self._saved_at = time.monotonic()
        self._done = ledger.confirmed_bytes()

    async def run(self) -> None:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            async with self._lanes.in_use(), asyncio.TaskGroup() as group:
                sending = _Sending(self._lanes, self._tell, group)
                for number in list(self._ledger.missing()):
                    await self._start(sending, descriptor, number)
                    await self._save_sometimes()
        except ExceptionGroup as errors:
            raise _first(errors) from errors
        finally:
            os.close(descriptor)

    async def _start(self, sending: _Sending, descriptor: int, number: int) -> None:
        ledger = self._ledger
        total = ledger.parts if ledger.big else None
        part = Part(ledger.file_id, number, total, ledger.length(number))

        def confirmed() -> None:
            ledger.confirm(number)
            self._done += part.size
            self._tell()

        await sending.start(part, _reading(descriptor, number * PART_SIZE), confirmed)

    def _tell(self, note: str = "") -> None:
        self._report(Progress(self._done, self._ledger.size, note))

    async def _save_sometimes(self) -> None:
        if time.monotonic() - self._saved_at >= SAVE_EVERY:
            self._saved_at = time.monotonic()
            await self._save(self._ledger)


class _StreamUpload:
    """One upload of a byte stream under way."""

    def __init__(self, lanes: Lanes, name: str, size: int | None, report: Report) -> None:
        self._lanes = lanes
        self._name = name
        self._size = size
        self._report = report
        self._file_id = new_random_id()
        self._done = 0

    async def run(self, cutter: Cutter) -> Any:
        digest = hashlib.md5(usedforsecurity=False)
        parts = 0
        small = self._size is not None and self._size <= BIG_FILE
        try:
            async with self._lanes.in_use(), asyncio.TaskGroup() as group:
                sending = _Sending(self._lanes, self._tell, group)
                async for piece in cutter.pieces():
                    # Only a stream that ends within its first part is known to be small before anything was sent.
                    small = small or (piece.number == 0 and piece.last)
                    if small:
                        digest.update(piece.data)
                    await sending.start(self._part(piece, small=small), piece.fill, self._confirming(cutter, piece))
                    parts = piece.number + 1
        except ExceptionGroup as errors:
            raise _first(errors) from errors
        if parts == 0:
            raise UserError(_EMPTY)
        if small:
            return types.InputFile(self._file_id, parts, self._name, digest.hexdigest())
        return types.InputFileBig(self._file_id, parts, self._name)

    def _part(self, piece: Piece, *, small: bool) -> Part:
        """The total is -1 until it is known (https://core.telegram.org/api/files#streamed-uploads)."""
        if small:
            total = None
        elif self._size is not None:
            total = part_count(self._size)
        else:
            total = piece.number + 1 if piece.last else -1
        return Part(self._file_id, piece.number, total, len(piece.data))

    def _confirming(self, cutter: Cutter, piece: Piece) -> Callable[[], None]:
        def confirmed() -> None:
            self._done += len(piece.data)
            self._tell()
            cutter.give_back(piece)

        return confirmed

    def _tell(self, note: str = "") -> None:
        self._report(Progress(self._done, self._size, note))


_EMPTY = "The file is empty; Telegram takes only files with something in them."
_CHANGED = "The file changed while it was being uploaded. Send the link again."


def _reading(descriptor: int, offset: int) -> Fill:
    """Reads a part straight from the file into where it is encrypted, so that no part waits in memory."""

    def fill(buffer: memoryview) -> None:
        filled = 0
        try:
            while filled < len(buffer):
                count = os.preadv(descriptor, [buffer[filled:]], offset + filled)
                if count == 0:
                    raise UserError(_CHANGED)
                filled += count
        except OSError as error:
            raise UserError(f"The file cannot be read any more: {error.strerror}.") from error

    return fill


def _first(error: Exception) -> Exception:
    """The first error of a group, Telegram's in our own words."""
    error = first_of(error)
    return translate(error) if isinstance(error, rpc.RPCError) else error


def _md5(path: Path) -> str:
    """The MD5 sum that small files carry (https://core.telegram.org/constructor/inputFile); no matter of security."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


__all__ = ["Save", "StreamBroken", "Uploader", "new_ledger", "nothing_to_save"]
