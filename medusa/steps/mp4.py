"""Reads the order and the completeness of an MP4 file's boxes (ISO/IEC 14496-12, section 4.2), without decoding
anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MAX_BOXES = 4096
_BEGINNINGS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


@dataclass(frozen=True, slots=True)
class Layout:
    """What the top-level boxes tell.

    ``brand`` is the major brand, for instance ``isom`` or ``qt``. ``streamable``: the index stands before the media
    and is whole, not scattered over fragments. ``cut``: the file ends before its last box does, or has no index at
    all.
    """

    brand: str
    streamable: bool
    cut: bool


def read_layout(path: Path) -> Layout | None:
    """Walk the top-level boxes; None when the file does not begin like an MP4."""
    with path.open("rb") as file:
        size = path.stat().st_size
        start = file.read(12)
        if not is_mp4(start):
            return None
        brand = start[8:12].decode("latin-1").strip() if start[4:8] == b"ftyp" else "qt"
        kinds, end = _walk(file, size)
    index = kinds.index(b"moov") if b"moov" in kinds else None
    media = kinds.index(b"mdat") if b"mdat" in kinds else len(kinds)
    streamable = index is not None and index < media and b"moof" not in kinds and end == size
    return Layout(brand, streamable, end > size or index is None)


def is_mp4(head: bytes) -> bool:
    """Say whether a file that begins so is an MP4."""
    return len(head) >= 12 and head[4:8] in _BEGINNINGS


def index_end(head: bytes) -> int | None:
    """Where the index of an MP4 ends, in bytes; None when ``head`` does not show that it comes before the media."""
    for kind, _, end in _boxes(head):
        if kind == b"moov":
            return end
        if kind == b"mdat":
            return None
    return None


def media_end(head: bytes) -> int | None:
    """Where the media data of an MP4 end, in bytes, behind which its index may stand; None when ``head`` shows none."""
    return next((end for kind, _, end in _boxes(head) if kind == b"mdat"), None)


def _boxes(head: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The kinds of the first boxes, with where each begins and ends."""
    at = 0
    while is_mp4(head) and at + 16 <= len(head):
        kind, length = head[at + 4 : at + 8], int.from_bytes(head[at : at + 4], "big")
        length = int.from_bytes(head[at + 8 : at + 16], "big") if length == 1 else length
        if length < 8:
            return
        yield kind, at, at + length
        at += length


def _walk(file: BinaryIO, size: int) -> tuple[list[bytes], int]:
    """Return the kinds of the top-level boxes, and where the last of them claims to end."""
    kinds: list[bytes] = []
    at = 0
    while at + 8 <= size and len(kinds) < _MAX_BOXES:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        elif length == 0:
            length = size - at
        if length < 8 or not head[4:8].isascii():
            break
        kinds.append(head[4:8])
        at += length
    return kinds, at
