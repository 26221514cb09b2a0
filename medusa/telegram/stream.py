"""Cuts a byte stream of known or unknown length into parts, without knowing more of it than one part ahead."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from medusa.errors import MedusaError
from medusa.telegram.parts import PART_SIZE


class StreamBroken(MedusaError):
    """A streamed upload cannot be finished, and what was sent cannot be sent again: only a file helps."""


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
    """The parts of the stream ``chunks``; their buffers are used again once they are given back."""

    def __init__(self, chunks: AsyncIterator[bytes], size: int | None) -> None:
        self._chunks = chunks
        self._size = size
        self._seen = 0
        self._free: list[bytearray] = []

    def give_back(self, piece: Piece) -> None:
        """Return the buffer of a piece that is not needed any more."""
        self._free.append(piece.buffer)

    async def pieces(self) -> AsyncIterator[Piece]:
        """All parts in order; a full one comes when the next byte has, so that the last is known for what it is.

        Raises StreamBroken when the stream is longer or shorter than its size says.
        """
        number, filled, buffer = 0, 0, self._buffer()
        async for chunk in self._counted():
            rest = memoryview(chunk)
            while rest:
                if filled == PART_SIZE:
                    yield Piece(number, memoryview(buffer), buffer, last=False)
                    number, filled, buffer = number + 1, 0, self._buffer()
                taken = rest[: PART_SIZE - filled]
                buffer[filled : filled + len(taken)] = taken
                filled += len(taken)
                rest = rest[len(taken) :]
        if filled:
            yield Piece(number, memoryview(buffer)[:filled], buffer, last=True)

    async def _counted(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            self._seen += len(chunk)
            if self._size is not None and self._seen > self._size:
                raise StreamBroken("The source sends more than it announced.")
            yield chunk
        if self._size is not None and self._seen < self._size:
            raise StreamBroken("The source broke off before its end.")

    def _buffer(self) -> bytearray:
        return self._free.pop() if self._free else bytearray(PART_SIZE)
