"""Finds out whether an image is one, and whether chats can show it as a photo."""

import asyncio
import struct
from dataclasses import dataclass, replace
from pathlib import Path

from medusa.model import LocalFile, Order, Report
from medusa.names import safe_file_name
from medusa.steps import Step
from medusa.tools import Tools

_MOST_BYTES = 10 * 1024 * 1024
_MOST_SIDES = 10_000
_MOST_RATIO = 20
"""Telegram's limits of a photo (https://core.telegram.org/bots/api#sendphoto): width and height together, in pixels."""
_HEAD = 1024 * 1024
"""Bytes within which a JPEG tells its size, even behind colour profiles and previews."""
_ENDINGS = {
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    "image/gif": (".gif",),
}


@dataclass(frozen=True, slots=True)
class Image:
    """What the first bytes say of an image: its type, its size in pixels, and whether it moves."""

    mime: str
    width: int
    height: int
    moves: bool = False


async def _run(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile:  # noqa: ARG001 - the seam
    size, head = await asyncio.to_thread(_look, file.path)
    image = image_in(head)
    if image is None:
        return replace(file, mime="application/octet-stream") if file.mime in _ENDINGS else file
    endings = _ENDINGS[image.mime]
    fits = file.name.lower().endswith(endings)
    name = file.name if fits else safe_file_name(file.name, extension=endings[0])
    return replace(file, mime=image.mime, name=name, photo=size <= _MOST_BYTES and _is_photo(image))


def _look(path: Path) -> tuple[int, bytes]:
    with path.open("rb") as opened:
        return path.stat().st_size, opened.read(_HEAD)


def _is_photo(image: Image) -> bool:
    short, long = sorted((image.width, image.height))
    return not image.moves and short > 0 and long <= _MOST_RATIO * short and short + long <= _MOST_SIDES


def image_in(head: bytes) -> Image | None:
    """What kind of image begins with these bytes; None for anything but whole headers of JPEG, PNG, WebP or GIF."""
    try:
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            return Image("image/png", *struct.unpack_from(">II", head, 16))
        if head.startswith((b"GIF87a", b"GIF89a")):
            width, height = struct.unpack_from("<HH", head, 6)
            return Image("image/gif", width, height, moves=True)
        if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
            return _webp(head)
        return _jpeg(head) if head.startswith(b"\xff\xd8\xff") else None
    except (struct.error, IndexError):
        return None


def _webp(head: bytes) -> Image | None:
    """https://developers.google.com/speed/webp/docs/riff_container"""
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return Image("image/webp", width, height, moves=bool(head[20] & 2))
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return Image("image/webp", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return Image("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    return None


def _jpeg(head: bytes) -> Image | None:
    """Walk over the segments to the start of frame, which tells the size (ITU-T T.81, B.2.2)."""
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, at + 5)
            return Image("image/jpeg", width, height)
        at += 1 if marker == 0xFF else 2 + struct.unpack_from(">H", head, at + 2)[0]
    return None


def _wants(file: LocalFile, order: Order) -> bool:
    return file.mime.startswith("image/") and not order.as_document


STEP = Step(name="image", stage=6, wants=_wants, run=_run, example="picture.jpg")
