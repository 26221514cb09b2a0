"""Fetches stored files from Telegram in parallel ranges, as a stream in order or into a file."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import structlog
from telethon import errors as rpc
from telethon.tl import functions, types

from medusa.errors import Broken
from medusa.model import Progress, Report
from medusa.telegram.client import Account
from medusa.telegram.errors import translate
from medusa.telegram.lane import Endpoint, Lane
from medusa.telegram.lanes import Lanes
from medusa.telegram.pace import Ceiling

log = structlog.get_logger()

CHUNK = 512 * 1024
"""Bytes of each request but the last: it divides the 1 MB whose boundaries none may cross, and at half of what is
allowed decrypting one holds up the event loop half as long (https://core.telegram.org/api/files#downloading-files)."""
_GRAIN = 1024
_MOST_MOVES = 3


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that Telegram holds: what makes it usable, ``size`` in bytes, and its data centre if that is known."""

    id: int
    access_hash: int
    file_reference: bytes
    size: int
    dc_id: int | None = None


class Downloader:
    """Downloads over lanes of its own, to whichever data centres hold the files.

    CDN data centres are not used: Telegram redirects to them only those who say that they can follow.
    """

    def __init__(self, account: Account, *, most: Ceiling | None = None) -> None:
        self._account = account
        self._client = account.client
        self._most = most
        self._lanes: dict[int, Lanes] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def to_file(self, stored: Stored, path: Path, report: Report) -> None:
        """Download into the file at ``path``; what is there already is taken for the beginning and kept.

        Raises StaleReference when the file's reference has expired, Transient when the connection breaks again and
        again, Broken when Telegram does not give the whole file.
        """
        with path.open("ab") as file:
            present = file.tell()
            done = present if present == stored.size else min(present, stored.size) // _GRAIN * _GRAIN
            file.truncate(done)
            report(Progress(done, stored.size))
            async with aclosing(self.stream(stored, report, offset=done)) as chunks:
                async for chunk in chunks:
                    await _written(file, chunk)

    async def stream(self, stored: Stored, report: Report, *, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The file's bytes from ``offset`` (a multiple of 1024) on, in order; only as many as are under way are kept.

        Close the generator to stop early. Raises like ``to_file``.
        """
        download = _Download(self, stored, report)
        done = offset
        under_way: deque[asyncio.Task[bytes]] = deque()
        places = deque(_ranges(offset, stored.size))
        async with (await self.lanes(stored.dc_id)).in_use():
            try:
                while places or under_way:
                    while places and len(under_way) < await download.window():
                        under_way.append(asyncio.create_task(download.fetch(*places.popleft())))
                    chunk = await under_way[0]
                    under_way.popleft()
                    done += len(chunk)
                    report(Progress(done, stored.size))
                    yield chunk
            finally:
                for task in under_way:
                    task.cancel()
                await asyncio.gather(*under_way, return_exceptions=True)

    async def lanes(self, dc_id: int | None) -> Lanes:
        """The lanes to a data centre; None stands for the account's own."""
        home = self._client.session.dc_id
        dc = dc_id or home
        if dc not in self._lanes:
            locate = None if dc == home else lambda: self._abroad(dc)
            lanes = Lanes(self._account, locate=locate, most=self._most)
            self._lanes[dc] = await self._stack.enter_async_context(lanes)
        return self._lanes[dc]

    async def _abroad(self, dc_id: int) -> Endpoint:
        """Another data centre, with the account's authorization exported to it.

        https://core.telegram.org/api/datacenter#authorization-transfer
        """
        sender = await self._client._borrow_exported_sender(dc_id)  # noqa: SLF001 (Telethon's export and import)
        try:
            dc = await self._client._get_dc(dc_id)  # noqa: SLF001
            state = sender._state  # noqa: SLF001
            return Endpoint(dc.ip_address, dc.port, sender.auth_key, state.salt, state.time_offset)
        finally:
            await self._client._return_exported_sender(sender)  # noqa: SLF001


class _Download:
    """One download under way, and the data centre that it has been sent to."""

    def __init__(self, downloader: Downloader, stored: Stored, report: Report) -> None:
        self._downloader = downloader
        self._stored = stored
        self._report = report
        self._dc_id = stored.dc_id
        self._location = types.InputDocumentFileLocation(stored.id, stored.access_hash, stored.file_reference, "")

    async def window(self) -> int:
        """How many ranges may be under way or wait for their turn."""
        return (await self._downloader.lanes(self._dc_id)).pace.window

    async def fetch(self, offset: int, size: int) -> bytes:
        """One range of the file, wherever it lies."""
        for _ in range(_MOST_MOVES):
            dc_id = self._dc_id
            try:
                data = await self._fetch_from(await self._downloader.lanes(dc_id), offset, size)
            except rpc.FileMigrateError as moved:
                log.debug("download.moved", dc=moved.new_dc)
                self._dc_id = moved.new_dc
            except rpc.RPCError as error:
                raise translate(error) from error
            else:
                if len(data) != size:
                    raise Broken("Telegram did not give the whole file.")
                return data
        raise Broken("Telegram sends from one data centre to the next for that file.")

    async def _fetch_from(self, lanes: Lanes, offset: int, size: int) -> bytes:
        limit = -(-size // _GRAIN) * _GRAIN

        async def over(lane: Lane) -> Any:
            return await lane.send(functions.upload.GetFileRequest(self._location, offset, limit, precise=True))

        async with lanes.in_use():
            await lanes.place()
            try:
                answer = await lanes.ask(over, self._wait, whole=size == CHUNK)
            finally:
                lanes.leave()
        if not isinstance(answer, types.upload.File):
            raise Broken("Telegram answers a download with something else.")
        return bytes(answer.bytes)

    def _wait(self, seconds: int) -> None:
        self._report(Progress(0, self._stored.size, f"Telegram asks to wait {seconds} s"))


def _ranges(offset: int, size: int) -> list[tuple[int, int]]:
    """Offset and length of every request; after the first, all begin at a multiple of ``CHUNK``."""
    ranges = []
    while offset < size:
        length = min(CHUNK - offset % CHUNK, size - offset)
        ranges.append((offset, length))
        offset += length
    return ranges


async def _written(file: BinaryIO, chunk: bytes) -> None:
    """Write in a thread, and to its end even when cancelled, so that the file may be closed."""
    work = asyncio.ensure_future(asyncio.to_thread(_write, file, chunk))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait({work})
        raise


def _write(file: BinaryIO, chunk: bytes) -> None:
    file.write(chunk)
    file.flush()
