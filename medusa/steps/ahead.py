"""Sees from the beginning and the end of a byte stream what it holds, before the rest of it has come."""

import fcntl
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from medusa.errors import MedusaError
from medusa.model import LocalFile, Order, Progress, Report
from medusa.steps import peek
from medusa.steps.ffmpeg import OPEN_FILES
from medusa.steps.mp4 import index_end, is_mp4
from medusa.tools import Tools

Open = Callable[[int], AsyncGenerator[bytes, None]]
"""Hands out the bytes from an offset on."""

_FIRST = 64 * 1024
"""Enough to tell an MP4 whose index comes first from the rest."""
_HEAD = 1024 * 1024
"""As much as ffmpeg looks at to tell a format."""
_MEDIA = 4 * 1024 * 1024
"""Enough to hold a song's cover, or a few seconds of pictures."""
_MOST = 8 * 1024 * 1024
"""An index that ends further behind means that the file is not streamed: the head is kept in memory."""
_TAIL = 1024 * 1024
"""Where Ogg and MPEG-TS tell their duration, and MP4 keeps an index that does not come first."""


class Ahead:
    """A byte stream whose beginning can be looked at; it is kept and comes again when the stream is read."""

    def __init__(self, open_at: Open) -> None:
        self._open_at = open_at
        self._rest: AsyncGenerator[bytes, None] | None = None
        self._kept: deque[bytes] = deque()
        self._held = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rest is not None:
            await self._rest.aclose()

    def at(self, offset: int) -> AsyncGenerator[bytes, None]:
        """The bytes from ``offset`` on; from the beginning they come over the connection that was looked at."""
        return self._whole() if self._kept and offset == 0 else self._open_at(offset)

    async def head(self, least: int, seen: Callable[[int], None] = lambda _: None) -> bytes:
        """The beginning: ``least`` bytes or a little more, or all if it is less; ``seen`` hears how many have come."""
        if self._rest is None:
            self._rest = self._open_at(0)
        while self._held < least and (chunk := await anext(self._rest, None)) is not None:
            self._kept.append(chunk)
            self._held += len(chunk)
            seen(self._held)
        return b"".join(self._kept)

    async def tail(self, size: int) -> bytes:
        """The end of ``size`` bytes; nothing when it cannot be had."""
        tail = bytearray()
        try:
            async with aclosing(self._open_at(max(0, size - _TAIL))) as chunks:
                async for chunk in chunks:
                    tail += chunk
                    if len(tail) > min(size, _TAIL):
                        return b""
        except MedusaError:
            return b""
        return bytes(tail)

    async def _whole(self) -> AsyncGenerator[bytes, None]:
        while self._kept:
            yield self._kept.popleft()
        if self._rest is not None:
            async for chunk in self._rest:
                yield chunk


async def foresee(
    ahead: Ahead, file: LocalFile, size: int | None, order: Order, workdir: Path, tools: Tools, report: Report
) -> LocalFile | None:
    """What ``file`` of ``size`` bytes (None: unknown) will be when it is posted just as its bytes come.

    None when it cannot be, because a step needs all of it or because the look at its ends tells too little. Raises what
    the stream raises.
    """
    promised = file.mime.startswith(("video/", "audio/"))

    def seen_so_far(count: int) -> None:
        report(Progress(count, size))

    head = await ahead.head(_FIRST, seen_so_far)
    end = index_end(head)
    if end is not None and end > _MOST:
        return None
    head = await ahead.head(_HEAD if not promised and end is None else (end or 0) + _MEDIA, seen_so_far)
    tail = b""
    if size is not None and len(head) < size and end is None and (promised or is_mp4(head)):
        tail = await ahead.tail(size)
    with _in_memory(head, tail, size) as path:
        seen = await peek(replace(file, path=path, visible=_share(head, size)), order, workdir, tools, report)
    unclear = seen is not None and seen.media is None and tools.ffmpeg and (promised or is_mp4(head))
    if seen is None or unclear or (seen.media and size is None):
        return None
    return replace(seen, path=file.path, visible=1.0)


def _share(head: bytes, size: int | None) -> float:
    return min(1.0, len(head) / size) if size else 1.0


@contextmanager
def _in_memory(head: bytes, tail: bytes, size: int | None) -> Iterator[Path]:
    """A file as long as the whole that holds its two ends and takes no room between them; nothing reaches the disk.

    It is sealed, since children read it that hostile media may have taken over.
    """
    handle = os.memfd_create("head", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(handle, max(size or 0, len(head)))
        _write(handle, head, 0)
        if size is not None:
            _write(handle, tail, size - len(tail))
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
        yield OPEN_FILES / str(handle)
    finally:
        os.close(handle)


def _write(handle: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(handle, view, offset)
        view, offset = view[written:], offset + written
