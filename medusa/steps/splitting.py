"""The arithmetic of splitting: how large parts get, and between which key frames they are cut."""

import math
import re
from dataclasses import dataclass, field

from medusa.errors import UserError
from medusa.names import quoted
from medusa.words import size as shown

MOST_PARTS = 99
"""As many as file names that end in two digits can count."""
_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*([kmg]i?)b?", re.IGNORECASE)
_BYTES = re.compile(r"(\d{1,15})B")
_COUNT = re.compile(r"\d{1,3}")
_BESIDE = 24
"""Bytes that a container writes beside each packet at the most: of an MP4 its size, times and place, 4 to 8 each."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the owner wants: a number of ``parts``, or parts of ``size`` bytes at the most."""

    parts: int | None = None
    size: int | None = None


def read_wanted(text: str) -> str:
    """A size such as ``1.9G``, or a number of parts, as it is kept: ``1900000000B`` or ``3``. Raises UserError."""
    word = text.strip()
    if kept := _BYTES.fullmatch(word):
        return _written(int(kept[1]))
    if found := _SIZE.fullmatch(word):
        return _written(round(float(found[1]) * _UNITS[found[2].lower()]))
    if _COUNT.fullmatch(word):
        if not 2 <= int(word) <= MOST_PARTS:
            raise UserError(f"A file can be split into 2 to {MOST_PARTS} parts, not {int(word)}.")
        return str(int(word))
    said = f"{quoted(word)} is neither. " if word else ""
    raise UserError(f"{said}Say how large the parts may get, such as 1.9G or 700M, or how many there are to be.")


def _written(size: int) -> str:
    if not size:
        raise UserError("Parts of no bytes hold nothing.")
    return f"{size}B"


def wanted(kept: str) -> Wanted:
    """What `read_wanted` has written."""
    return Wanted(size=int(kept[:-1])) if kept.endswith("B") else Wanted(parts=int(kept))


def most_of_part(total: int, wish: Wanted, limit: int) -> int:
    """The most bytes of each part of a file of ``total``, where no file may exceed ``limit``. Raises UserError."""
    most = min(limit, wish.size or limit)
    if math.ceil(total / most) > MOST_PARTS:
        raise UserError(
            f"{shown(total)} in parts of {shown(most)} would be {math.ceil(total / most)} files; at most {MOST_PARTS} "
            f"can be. Take {shown(math.ceil(total / (MOST_PARTS - 1)))} or more."
        )
    return most


def pieces(total: int, wish: Wanted, limit: int) -> list[tuple[int, int]]:
    """Offset and length of each part of a file that is cut anywhere: as equal as can be, or of the wanted size."""
    most = most_of_part(total, wish, limit)
    count = max(wish.parts or 1, math.ceil(total / most))
    length = math.ceil(total / count) if wish.parts else most
    return [(start, min(length, total - start)) for start in range(0, total, length)]


@dataclass(slots=True)
class Planner:
    """Chooses cuts while it hears of one packet after the other, however many there are.

    No part gets more than ``most`` bytes. Of ``total`` bytes ``parts`` about equal ones are made where that is given;
    else each is as large as can be. ``cuts`` are the numbers of the key frames with which new parts begin.
    """

    most: int
    total: int = 0
    parts: int = 1
    cuts: list[int] = field(default_factory=list)
    overlong: bool = False
    """Whether from one key frame to the next there is more than a part may hold, so that nothing can be done."""
    _held: int = 0
    """Bytes since the last cut."""
    _key: tuple[int, int] | None = None
    """The last key frame behind the last cut, and the bytes between them."""

    def add(self, size: int, key: int | None = None) -> None:
        """Take in the next packet; ``key`` is the number of one with which a part may begin."""
        if key is not None and self._held:
            self._meet(key)
        self._held += size + _BESIDE
        if self._held > self.most:
            if self._key is None:
                self.overlong = True
            else:
                self._cut(*self._key)
                self.overlong |= self._held > self.most

    def _meet(self, key: int) -> None:
        aim = self._aim()
        if aim is not None and self._held >= aim:
            if self._key is not None and aim - self._key[1] < self._held - aim:
                self._cut(*self._key)
            else:
                self._cut(key, self._held)
                return
        self._key = (key, self._held)

    def _aim(self) -> float | None:
        """Bytes of this part that would leave equal ones; None where it takes all that is left."""
        left = self.parts - len(self.cuts)
        if left <= 1:
            return None
        return self.total / left

    def _cut(self, key: int, held: int) -> None:
        self.cuts.append(key)
        self.total -= held
        self._held -= held
        self._key = None
