"""Turns the pictures of an MP4 by its word on how to show them, the display matrix, without touching the pictures."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

Box = tuple[bytes, int, int]
"""Kind, and where the content begins and ends."""
_ONE = 1 << 16
"""1 as the matrix has it, in 16.16 fixed point."""
_PLACE = {0: 40, 1: 52}
"""Where in a track header the matrix stands, by its version; width and height follow (ISO/IEC 14496-12, 8.3.2)."""


def turn(video: Path, degrees: int) -> None:
    """Have players show the pictures of an MP4 turned clockwise by 90, 180 or 270 degrees, beside how they did already.

    ``video`` has its index whole, as ffmpeg writes it.
    """
    with video.open("r+b") as file:
        size = video.stat().st_size
        for _, start, end in _inside(file, 0, size, b"moov"):
            for _, track, after in _inside(file, start, end, b"trak"):
                if _shows_pictures(file, track, after):
                    [(_, header, _)] = _inside(file, track, after, b"tkhd")
                    _turn(file, header, degrees // 90)


def _inside(file: BinaryIO, start: int, end: int, kind: bytes) -> Iterator[Box]:
    """The boxes of a kind that stand between two places."""
    at = start
    while at + 8 <= end:
        file.seek(at)
        length, found = struct.unpack(">I4s", file.read(8))
        content = at + 8
        if length == 1:
            length, content = int.from_bytes(file.read(8), "big"), at + 16
        length = length or end - at
        if found == kind:
            yield found, content, at + length
        at += max(8, length)


def _shows_pictures(file: BinaryIO, start: int, end: int) -> bool:
    for _, media, after in _inside(file, start, end, b"mdia"):
        for _, handler, _ in _inside(file, media, after, b"hdlr"):
            file.seek(handler + 8)
            return file.read(4) == b"vide"
    return False


def _turn(file: BinaryIO, header: int, quarters: int) -> None:
    """Turn by quarters clockwise what stands in a track header, and shift it back into sight."""
    file.seek(header)
    place = header + _PLACE[file.read(1)[0]]
    file.seek(place)
    a, b, _, c, d, _, _, _, _ = struct.unpack(">9i", file.read(36))
    width, height = struct.unpack(">2I", file.read(8))
    for _ in range(quarters):
        a, b, c, d = -b, a, -d, c
    corners = [(x * a + y * c, x * b + y * d) for x in (0, width) for y in (0, height)]
    left, top = (-min(side) // _ONE for side in zip(*corners, strict=True))
    file.seek(place)
    file.write(struct.pack(">9i", a, b, 0, c, d, 0, left, top, 1 << 30))
