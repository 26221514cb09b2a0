"""The server's end of a TCP connection: bytes land where they are wanted, without a copy on their way."""

import asyncio
from collections.abc import Callable
from typing import Protocol

_SPARE = 64 << 10


class Reader(Protocol):
    """Where packets are cut from: an asyncio stream, or a socket of this module."""

    async def readexactly(self, n: int, /) -> bytes | bytearray:
        """The next ``n`` bytes. Raises IncompleteReadError at the end."""


class Socket(asyncio.BufferedProtocol):
    """One connection. ``accept`` is called with it once it stands; one task reads, any may write."""

    def __init__(self, accept: Callable[["Socket"], None]) -> None:
        self._accept = accept
        self._transport: asyncio.Transport | None = None
        self._spare = bytearray(_SPARE)
        self._start = self._end = 0
        self._paused = False
        self._wanted: memoryview | None = None
        self._filled = 0
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        self._accept(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 -- asyncio's own signature
        """Where the next bytes go: into the packet that is waited for, or aside."""
        if self._wanted is not None:
            return self._wanted[self._filled :]
        return memoryview(self._spare)[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        if self._wanted is None:
            self._end += nbytes
            if self._end == _SPARE and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()
            return
        self._filled += nbytes
        if self._filled == len(self._wanted):
            self._wanted = None
            self._wake()

    def eof_received(self) -> bool:
        """The client sends no more; what is under way may still be answered."""
        self._ended = True
        self._wake()
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's own signature
        """The connection is gone."""
        self._ended = True
        self._transport = None
        self._writable.set()
        self._wake()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is written to."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writable.set()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def readexactly(self, n: int, /) -> bytearray:
        """The next ``n`` bytes. Raises IncompleteReadError when the client ends before."""
        target = bytearray(n)
        taken = self._take(target)
        if taken == n:
            return target
        if not self._ended:
            self._wanted, self._filled = memoryview(target), taken
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                unfinished, self._wanted, self._waiter = self._wanted is not None, None, None
            if not unfinished:
                return target
            taken = self._filled
        raise asyncio.IncompleteReadError(bytes(target[:taken]), n)

    def _take(self, target: bytearray) -> int:
        """Move bytes that came before they were asked for; returns how many."""
        count = min(len(target), self._end - self._start)
        target[:count] = memoryview(self._spare)[self._start : self._start + count]
        self._start += count
        if self._start == self._end:
            self._start = self._end = 0
        elif self._end == _SPARE:
            rest = self._spare[self._start :]
            self._spare[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return count

    @property
    def unsent(self) -> int:
        """Bytes that the client has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def writelines(self, pieces: tuple[bytes, ...]) -> None:
        """Send the pieces one after the other; after the connection is lost, do nothing."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.writelines(pieces)

    async def drain(self) -> None:
        """Wait until the client has taken most of what was written. Raises ConnectionResetError."""
        await self._writable.wait()
        if self._transport is None:
            raise ConnectionResetError

    def close(self) -> None:
        """Close once everything is written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()
