"""Fetches stored files from Telegram in parallel ranges, as a stream in order or into a file."""

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self, TypeVar

import structlog
from telethon import errors as rpc
from telethon import utils
from telethon.tl import functions, types

from medusa.errors import Broken
from medusa.model import Progress, Report
from medusa.patience import to_the_end
from medusa.telegram.cdn import CHUNK, Cdn, CdnFailed, CdnFile
from medusa.telegram.client import Account
from medusa.telegram.errors import translate
from medusa.telegram.lane import Endpoint, Lane
from medusa.telegram.lanes import Lanes, Locate
from medusa.telegram.pace import Ceiling
from medusa.throttle import Throttle

log = structlog.get_logger()

_GRAIN: Final = 1024
_HASHED: Final = 1 << 20
"""Bytes whose hashes are asked for together."""
_HASHES_AT_ONCE: Final = 16
_MOST_MOVES: Final = 5
_TO_AND_FRO: Final = "Telegram sends from one place to the next for that file."

Place = TypeVar("Place")
Found = TypeVar("Found")
Range = tuple[int, int]
"""Offset and length in bytes."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that Telegram holds: its location, ``size`` in bytes, and its data centre if that is known."""

    location: Any
    size: int
    dc_id: int | None = None

    @classmethod
    def of(cls, media: Any) -> Self:
        """The file of Telethon's Document or Photo, of the latter the largest."""
        info = utils._get_file_info(media)  # noqa: SLF001
        return cls(info.location, info.size, info.dc_id)


class Downloader:
    """Downloads over lanes of its own, to whichever data centres hold the files, the CDN's among them.

    Bytes from Telegram's own data centres come authenticated by MTProto, so that hashing them once more would prove
    nothing; but those from the CDN, and those that lay on the disk, are checked by the hashes that Telegram names.
    """

    def __init__(self, account: Account, *, most: Ceiling | None = None, throttle: Throttle | None = None) -> None:
        self._throttle = throttle
        self._account = account
        self._client = account.client
        self._most = most
        self._lanes: dict[int, Lanes] = {}
        self._cdns: dict[int, Cdn] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def to_file(self, stored: Stored, path: Path, report: Report) -> None:
        """Download into the file at ``path``; what is there already and right by Telegram's hashes is kept.

        Raises StaleReference when the file's reference has expired, Transient when the connection breaks again and
        again, Broken when Telegram does not give the whole file.
        """
        with path.open("a+b") as file:
            done = await self._kept(stored, file, report)
            file.truncate(done)
            report(Progress(done, stored.size))
            async with aclosing(self.stream(stored, report, offset=done)) as chunks:
                async for chunk in chunks:
                    await to_the_end(asyncio.to_thread(_write, file, chunk))

    async def stream(
        self, stored: Stored, report: Report, *, offset: int = 0, size: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The file's bytes from ``offset`` on, in order, at most ``size``; only as many as are under way are kept.

        Close the generator to stop early. Raises like ``to_file``.
        """
        end = stored.size if size is None else min(stored.size, offset + size)
        download = _Download(self, await self.lanes(stored.dc_id), stored, report)
        at = offset // _GRAIN * _GRAIN if offset < end else end
        async with (
            download.lanes.in_use(),
            aclosing(_in_order(_ranges(at, end), download.fetch, download.window)) as all_,
        ):
            async for chunk in all_:
                wanted = chunk[max(0, offset - at) :]
                at += len(chunk)
                download.reached(at)
                yield wanted

    async def _kept(self, stored: Stored, file: BinaryIO, report: Report) -> int:
        """How many of the file's first bytes are right; those of which Telegram knows no hash count as wrong."""
        present = min(file.seek(0, os.SEEK_END), stored.size)
        download = _Download(self, await self.lanes(stored.dc_id), stored, report)
        right = 0
        async with aclosing(_in_order(range(0, present, _HASHED), download.hashes, lambda: _HASHES_AT_ONCE)) as found:
            async for hashes in found:
                before = right
                right = await to_the_end(asyncio.to_thread(_matching, file, hashes, right))
                if right < min(before + _HASHED, present):
                    break
        return right

    async def lanes(self, dc_id: int | None) -> Lanes:
        """The lanes to a data centre; None stands for the account's own."""
        home = self._client.session.dc_id
        dc = dc_id or home
        if dc not in self._lanes:
            locate: Locate | None = None if dc == home else lambda: self._abroad(dc)
            self._lanes[dc] = Lanes(self._account, locate=locate, most=self._most, throttle=self._throttle)
            await self._stack.enter_async_context(self._lanes[dc])
        return self._lanes[dc]

    async def cdn(self, dc_id: int) -> Cdn:
        """A data centre of the CDN."""
        if dc_id not in self._cdns:
            self._cdns[dc_id] = Cdn(self._account, dc_id, self._most)
            await self._stack.enter_async_context(self._cdns[dc_id].lanes)
        return self._cdns[dc_id]

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
    """One download under way, and where it has been sent to."""

    def __init__(self, downloader: Downloader, lanes: Lanes, stored: Stored, report: Report) -> None:
        self._downloader = downloader
        self.lanes = lanes
        self._stored = stored
        self._report = report
        self._done = 0
        self._copy: CdnFile | None = None
        self._cdn_allowed = True

    def window(self) -> int:
        """How many ranges may be under way or wait for their turn."""
        return (self._copy or self).lanes.pace.window

    def reached(self, done: int) -> None:
        """Report that all before ``done`` is there."""
        self._done = done
        self._report(Progress(done, self._stored.size))

    async def fetch(self, place: Range) -> bytes:
        """One range of the file, wherever it lies."""
        for _ in range(_MOST_MOVES):
            if self._copy is not None:
                try:
                    return await self._copy.fetch(*place)
                except CdnFailed as error:
                    log.info("download.cdn_failed", why=str(error))
                    self._copy, self._cdn_allowed = None, False
            answer = await self._get(*place)
            if isinstance(answer, types.upload.File):
                return _cut(answer.bytes, place[1])
            await self._redirected(answer)
        raise Broken(_TO_AND_FRO)

    async def hashes(self, start: int) -> list[Any]:
        """The hashes from ``start`` on, in order and without gaps, as far as they are needed and known."""
        found: list[Any] = []
        at, stop = start, min(start + _HASHED, self._stored.size)
        while at < stop:
            request = functions.upload.GetFileHashesRequest(self._stored.location, at)
            try:
                some = {one.offset: one for one in await self._translated(self.ask(request))}
            except Broken:
                break
            if at not in some or some[at].limit < 1:
                break
            while at in some and at < stop:
                found.append(some[at])
                at += some[at].limit
        return found

    async def ask(self, request: Any, *, size: int = 0) -> Any:
        """The answer, of ``size`` bytes, of the data centre of the file. Raises Telegram's errors as they are."""

        async def over(lane: Lane) -> Any:
            return await lane.send(request)

        for _ in range(_MOST_MOVES):
            lanes = self.lanes
            try:
                async with lanes.in_use():
                    return await lanes.ask(over, self._told, size=size)
            except rpc.FileMigrateError as moved:
                log.debug("download.moved", dc=moved.new_dc)
                self.lanes = await self._downloader.lanes(moved.new_dc)
        raise Broken(_TO_AND_FRO)

    async def _get(self, offset: int, size: int) -> Any:
        limit = -(-size // _GRAIN) * _GRAIN
        cdn = self._cdn_allowed
        request = functions.upload.GetFileRequest(self._stored.location, offset, limit, precise=True, cdn_supported=cdn)
        lanes = self.lanes
        await lanes.place(size)
        try:
            return await self._translated(self.ask(request, size=size))
        finally:
            lanes.leave()

    async def _redirected(self, answer: Any) -> None:
        """https://core.telegram.org/cdn#getting-files-from-a-cdn"""
        if not isinstance(answer, types.upload.FileCdnRedirect):
            raise Broken("Telegram answers a download with something else.")
        cdn = await self._downloader.cdn(answer.dc_id)
        if self._copy is None and self._cdn_allowed:
            self._copy = CdnFile(cdn, answer, self._stored.size, self.ask, self._told)

    async def _translated(self, answer: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await answer
        except rpc.RPCError as error:
            raise translate(error) from error

    def _told(self, seconds: int) -> None:
        self._report(Progress(self._done, self._stored.size, f"Telegram asks to wait {seconds} s"))


async def _in_order(
    places: Iterable[Place], work: Callable[[Place], Coroutine[Any, Any, Found]], window: Callable[[], int]
) -> AsyncGenerator[Found, None]:
    """What ``work`` finds at each of the places, in their order; ``window`` says how many may be under way."""
    left, under_way = deque(places), deque[asyncio.Task[Found]]()
    try:
        while left or under_way:
            while left and len(under_way) < window():
                under_way.append(asyncio.create_task(work(left.popleft())))
            found = await under_way[0]
            under_way.popleft()
            yield found
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def _ranges(offset: int, end: int) -> Iterator[Range]:
    """Every request's range; after the first, all begin at a multiple of ``CHUNK``."""
    while offset < end:
        length = min(CHUNK - offset % CHUNK, end - offset)
        yield offset, length
        offset += length


def _cut(data: bytes, size: int) -> bytes:
    if len(data) < size:
        raise Broken("Telegram did not give the whole file.")
    return data if len(data) == size else data[:size]


def _matching(file: BinaryIO, hashes: list[Any], right: int) -> int:
    """Up to where the file's bytes are right, when those before ``right`` are."""
    for one in hashes:
        file.seek(one.offset)
        data = file.read(one.limit)
        if one.offset != right or len(data) < one.limit or hashlib.sha256(data).digest() != one.hash:
            break
        right += one.limit
    return right


def _write(file: BinaryIO, chunk: bytes) -> None:
    file.write(chunk)
    file.flush()
