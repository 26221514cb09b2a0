"""The arithmetic of file parts: how many there are, how long each is, and which Telegram has confirmed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

PART_SIZE = 512 * 1024
"""Bytes of each part but the last; the largest that Telegram takes (https://core.telegram.org/api/files)."""
BIG_FILE = 10 * 1024 * 1024
"""Above this many bytes a file goes up as a big file."""


def part_count(size: int) -> int:
    """How many parts a file of ``size`` bytes has."""
    return -(-size // PART_SIZE)


@dataclass(slots=True)
class Ledger:
    """Which parts of one upload Telegram has confirmed.

    ``size`` is in bytes, None while it is not known; ``acked`` holds one bit a part, the lowest bit first. ``noted``
    hears of each byte of ``acked`` that changes: its index and its new value.
    """

    file_id: int
    size: int | None
    acked: bytearray = field(default_factory=bytearray)
    noted: Callable[[int, int], None] | None = None
    big: bool = field(init=False)
    """Whether the file goes up as a big file, as one of unknown size does."""

    def __post_init__(self) -> None:
        self.big = self.size is None or self.size > BIG_FILE
        self.acked = bytearray(self.acked.ljust(-(-(self.parts or 0) // 8), b"\0"))

    @property
    def parts(self) -> int | None:
        """How many parts the whole file has, if its size is known."""
        return None if self.size is None else part_count(self.size)

    def confirmed(self, part: int) -> bool:
        """Whether Telegram has confirmed the part."""
        return part // 8 < len(self.acked) and bool(self.acked[part // 8] >> part % 8 & 1)

    def confirm(self, part: int) -> None:
        """Note that Telegram has the part."""
        self.acked.extend(bytes(max(0, part // 8 + 1 - len(self.acked))))
        self._change(part // 8, self.acked[part // 8] | 1 << part % 8)

    def forget(self, part: int) -> None:
        """Note that Telegram has lost the part."""
        if self.confirmed(part):
            self._change(part // 8, self.acked[part // 8] & ~(1 << part % 8))

    def length(self, part: int) -> int:
        """Bytes of part number ``part``, counted from 0, of a file of known size."""
        return PART_SIZE if self.size is None else min(PART_SIZE, self.size - part * PART_SIZE)

    def missing(self) -> Iterator[int]:
        """The parts of a file of known size that still have to be sent, in order."""
        return (part for part in range(self.parts or 0) if not self.confirmed(part))

    def gaps(self) -> Iterator[tuple[int, int | None]]:
        """The stretches of parts that still have to be sent: the first, and the first behind them that need not.

        None stands for the end of the file. Of a file of unknown size all is sent.
        """
        if self.parts is None:
            yield 0, None
            return
        first = None
        for part in range(self.parts):
            if not self.confirmed(part):
                first = part if first is None else first
            elif first is not None:
                yield first, part
                first = None
        if first is not None:
            yield first, None

    def confirmed_bytes(self) -> int:
        """Bytes that Telegram has confirmed so far."""
        return sum(self.length(part) for part in range(8 * len(self.acked)) if self.confirmed(part))

    def _change(self, index: int, value: int) -> None:
        self.acked[index] = value
        if self.noted is not None:
            self.noted(index, value)
