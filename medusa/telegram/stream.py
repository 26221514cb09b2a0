"""Cuts a byte stream of known or unknown length into parts, without knowing more of it than one part ahead."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from medusa.errors import StreamBroken
from medusa.telegram.parts import PART_SIZE

MOST_PIECES = 16
"""Parts of one stream that are held until they are confirmed, 8 MB: at a round trip of 60 ms, that is 139 MB a second.
TDLib keeps as much under way for Premium, and half of it for others (https://github.com/tdlib/td)."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Part ``number`` of a stream, counted from 0; ``last`` says that nothing follows."""

    number: int
    data: memoryview
    buffer: bytearray
    last: bool

    def fill(self, room: memoryview) -> None:
        """Copy the bytes to where they are encrypted."""
        room[:] = self.data


class Cutter:
    """Cuts streams of one file of ``size`` bytes; the buffers of parts are few, and used again once given back."""

    def __init__(self, size: int | None) -> None:
        self._size = size
        self._free: list[bytearray] = []
        self._room = asyncio.Semaphore(MOST_PIECES)

    def give_back(self, piece: Piece) -> None:
        """Return the buffer of a piece that is not needed any more."""
        self._free.append(piece.buffer)
        self._room.release()

    async def pieces(self, chunks: AsyncIterator[bytes], first: int, stop: int | None) -> AsyncGenerator[Piece, None]:
        """The parts from ``first`` up to but without ``stop``, or to the end; ``chunks`` begin with ``first``.

        A full part comes when the next byte has, so that the last is known for what it is. Raises StreamBroken when
        the stream is longer or shorter than the file.
        """
        number, filled, buffer = first, 0, await self._buffer()
        async with aclosing(self._counted(chunks, first * PART_SIZE)) as counted:
            async for chunk in counted:
                rest = memoryview(chunk)
                while rest:
                    if filled == PART_SIZE:
                        yield Piece(number, memoryview(buffer), buffer, last=False)
                        number += 1
                        if number == stop:
                            return
                        filled, buffer = 0, await self._buffer()
                    taken = rest[: PART_SIZE - filled]
                    buffer[filled : filled + len(taken)] = taken
                    filled += len(taken)
                    rest = rest[len(taken) :]
        if filled:
            yield Piece(number, memoryview(buffer)[:filled], buffer, last=True)
        else:
            self._room.release()

    async def _counted(self, chunks: AsyncIterator[bytes], seen: int) -> AsyncGenerator[bytes, None]:
        async for chunk in chunks:
            seen += len(chunk)
            if self._size is not None and seen > self._size:
                raise StreamBroken("The source sends more than it announced.")
            yield chunk
        if self._size is not None and seen < self._size:
            raise StreamBroken("The source broke off before its end.")

    async def _buffer(self) -> bytearray:
        await self._room.acquire()
        return self._free.pop() if self._free else bytearray(PART_SIZE)
