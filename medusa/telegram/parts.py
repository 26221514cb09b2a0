"""The arithmetic of file parts: how many there are, how long each is, and which Telegram has confirmed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

PART_SIZE = 512 * 1024
"""Bytes of each part but the last; the largest that Telegram takes (https://core.telegram.org/api/files)."""
BIG_FILE = 10 * 1024 * 1024
"""Above this many bytes a file goes up as a big file, without an MD5 sum."""


def part_count(size: int) -> int:
    """How many parts a file of ``size`` bytes has."""
    return -(-size // PART_SIZE)


@dataclass(slots=True)
class Ledger:
    """Which parts of one upload Telegram has confirmed; ``acked`` holds one bit a part, the lowest bit first."""

    file_id: int
    size: int
    acked: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.acked = bytearray(self.acked.ljust(-(-self.parts // 8), b"\0"))

    @property
    def parts(self) -> int:
        """How many parts the whole file has."""
        return part_count(self.size)

    @property
    def big(self) -> bool:
        """Whether the file goes up as a big file."""
        return self.size > BIG_FILE

    def length(self, part: int) -> int:
        """Bytes of part number ``part``, counted from 0."""
        return min(PART_SIZE, self.size - part * PART_SIZE)

    def confirmed(self, part: int) -> bool:
        """Whether Telegram has confirmed the part."""
        return bool(self.acked[part // 8] >> part % 8 & 1)

    def confirm(self, part: int) -> None:
        """Note that Telegram has the part."""
        self.acked[part // 8] |= 1 << part % 8

    def forget(self, part: int) -> None:
        """Note that Telegram has lost the part."""
        self.acked[part // 8] &= ~(1 << part % 8)

    def missing(self) -> Iterator[int]:
        """The parts that still have to be sent, in order."""
        return (part for part in range(self.parts) if not self.confirmed(part))

    def confirmed_bytes(self) -> int:
        """Bytes that Telegram has confirmed so far."""
        return sum(self.length(part) for part in range(self.parts) if self.confirmed(part))
