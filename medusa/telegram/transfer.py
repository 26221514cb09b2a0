"""Sends files and byte streams to Telegram in parts, as many at once as the shared lanes allow."""

import asyncio
import functools
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from telethon import errors as rpc
from telethon.tl import types

from medusa.errors import UserError, first_of
from medusa.model import Progress, Report
from medusa.telegram.errors import translate
from medusa.telegram.lane import Lane
from medusa.telegram.lanes import Lanes
from medusa.telegram.messages import new_random_id
from medusa.telegram.packets import Fill, Part
from medusa.telegram.parts import PART_SIZE, Ledger
from medusa.telegram.stream import Cutter, Piece

Chunks = AsyncGenerator[bytes, None]
Open = Callable[[int], Chunks]
"""Hands out a file's bytes from an offset on."""


def new_ledger(path: Path) -> Ledger:
    """A ledger for an upload of the file at ``path`` from its first part on."""
    return Ledger(new_random_id(), path.stat().st_size)


class Uploader:
    """Uploads files and streams over the lanes that it is given."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def upload(self, path: Path, name: str, ledger: Ledger, report: Report) -> Any:
        """Send the parts that ``ledger`` misses and return Telethon's InputFile or InputFileBig.

        Raises Transient when a part fails again and again, UserError when the file is not what the ledger says.
        """
        if ledger.size == 0:
            raise UserError(_EMPTY)
        await _FileUpload(self._lanes, path, ledger, report).run()
        return _input_file(ledger, name)

    async def upload_stream(self, open_at: Open, name: str, ledger: Ledger, report: Report) -> Any:
        """Send the parts that ``ledger`` misses from byte streams and return Telethon's InputFile or InputFileBig.

        ``open_at`` is called with the offset of each stretch of missing parts, for a fresh ledger once with 0. Nothing
        but the parts under way is kept in memory, and the streams are read only as fast as they can be sent. A ledger
        without a size has one afterwards.
        Raises StreamBroken when the bytes are not as many as the size says, Transient when a part fails again and
        again, UserError when there are no bytes; what the streams raise goes through.
        """
        if ledger.size == 0:
            raise UserError(_EMPTY)
        await _StreamUpload(self._lanes, ledger, report).run(open_at)
        return _input_file(ledger, name)


class _Sending:
    """Parts under way, each in a task of its own; at most as many as the lanes have room for."""

    def __init__(self, lanes: Lanes, report: Callable[[str], None], group: asyncio.TaskGroup) -> None:
        self._lanes = lanes
        self._report = report
        self._group = group

    async def start(self, part: Part, fill: Fill, confirmed: Callable[[], None]) -> None:
        """Wait for room, then send the part in the background; ``confirmed`` is called once Telegram has it."""
        await self._lanes.place(part.size)
        task = self._group.create_task(self._send(part, fill, confirmed))
        task.add_done_callback(lambda _: self._lanes.leave())

    async def _send(self, part: Part, fill: Fill, confirmed: Callable[[], None]) -> None:
        def over(lane: Lane) -> Any:
            return lane.send_part(part, fill)

        await self._lanes.ask(over, self._wait, size=part.size)
        confirmed()

    def _wait(self, seconds: int) -> None:
        self._report(f"Telegram asks to wait {seconds} s")


class _Upload:
    """What an upload under way knows, wherever its bytes come from."""

    def __init__(self, lanes: Lanes, ledger: Ledger, report: Report) -> None:
        self._lanes = lanes
        self._ledger = ledger
        self._report = report
        self._done = ledger.confirmed_bytes()

    @asynccontextmanager
    async def _sending(self) -> AsyncIterator[_Sending]:
        """Lanes to send parts over; the block ends once all are confirmed, and with the first error of any."""
        try:
            async with self._lanes.in_use(), asyncio.TaskGroup() as group:
                yield _Sending(self._lanes, self._tell, group)
        except ExceptionGroup as errors:
            raise _first(errors) from errors

    def _confirmed(self, part: Part) -> None:
        self._ledger.confirm(part.number)
        self._done += part.size
        self._tell()

    def _tell(self, note: str = "") -> None:
        self._report(Progress(self._done, self._ledger.size, note))


class _FileUpload(_Upload):
    """One upload of a file."""

    def __init__(self, lanes: Lanes, path: Path, ledger: Ledger, report: Report) -> None:
        super().__init__(lanes, ledger, report)
        self._path = path

    async def run(self) -> None:
        ledger = self._ledger
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            async with self._sending() as sending:
                for number in list(ledger.missing()):
                    part = Part(ledger.file_id, number, ledger.parts if ledger.big else None, ledger.length(number))
                    fill = _reading(descriptor, number * PART_SIZE)
                    await sending.start(part, fill, functools.partial(self._confirmed, part))
        finally:
            os.close(descriptor)


class _StreamUpload(_Upload):
    """One upload of byte streams."""

    async def run(self, open_at: Open) -> None:
        cutter = Cutter(self._ledger.size)
        end = 0
        async with self._sending() as sending:
            for first, stop in list(self._ledger.gaps()):
                chunks = open_at(first * PART_SIZE)
                async with aclosing(chunks), aclosing(cutter.pieces(chunks, first, stop)) as pieces:
                    async for piece in pieces:
                        await self._start(sending, cutter, piece)
                        end = piece.number * PART_SIZE + len(piece.data)
        if self._ledger.size is None:
            self._learn(end)

    def _learn(self, size: int) -> None:
        """Note the size that is known only now; what went up in several parts went up as a big file, however small."""
        if size == 0:
            raise UserError(_EMPTY)
        self._ledger.size, self._ledger.big = size, size > PART_SIZE

    async def _start(self, sending: _Sending, cutter: Cutter, piece: Piece) -> None:
        part = Part(self._ledger.file_id, piece.number, self._total(piece), len(piece.data))

        def confirmed() -> None:
            self._confirmed(part)
            cutter.give_back(piece)

        await sending.start(part, piece.fill, confirmed)

    def _total(self, piece: Piece) -> int | None:
        """How many parts to name: -1 until it is known, None for a small file, whose parts name none.

        Only a stream that ends within its first part is known to be small before anything was sent
        (https://core.telegram.org/api/files#streamed-uploads).
        """
        if self._ledger.size is not None:
            return self._ledger.parts if self._ledger.big else None
        if piece.last:
            return piece.number + 1 if piece.number else None
        return -1


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


def _input_file(ledger: Ledger, name: str) -> Any:
    """What the parts make up. The MD5 sum of a small file may be left out: MTProto checks each message by itself.

    https://core.telegram.org/constructor/inputFile
    """
    if ledger.big:
        return types.InputFileBig(ledger.file_id, ledger.parts, name)
    return types.InputFile(ledger.file_id, ledger.parts, name, "")
