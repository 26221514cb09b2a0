"""Looks into the media that a link leads to, and fetches no more of them than that takes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from medusa.errors import MedusaError, UserError
from medusa.model import Order, Place
from medusa.sources import resolve
from medusa.steps.ahead import Ahead, Open
from medusa.steps.ffmpeg import Look, look
from medusa.steps.mp4 import index_end, is_mp4, media_end
from medusa.tools import Tools

_FIRST = 64 * 1024
"""Enough to tell where an MP4 keeps its index."""
_HEAD = 4 * 1024 * 1024
_TAIL = 1024 * 1024
"""Where Ogg and MPEG-TS tell how long they last."""
_MOST = 32 * 1024 * 1024
"""Bytes; the index of an MP4 of a whole day has less."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file and what is in it; ``size`` is bytes, None while unknown."""

    name: str
    size: int | None
    look: Look


async def inspect(order: Order, workdir: Path, tools: Tools) -> tuple[Inspected, ...]:
    """Look into what an order's link leads to: one file, or those of an album. Raises MedusaError."""
    if tools.ffmpeg is None:
        raise UserError("This needs ffmpeg, which is missing on this machine.")
    source, plan = await resolve(order, workdir, tools, lambda _: None)
    if tools.chats is not None and "place" in plan.details:
        held = plan.held or await tools.chats.held(Place(**plan.details["place"]), workdir)
        opens = [(one.file.name, one.file.size, partial(tools.chats.read, one)) for one in held]
        return tuple([await _inspected(*one, workdir, tools.ffmpeg) for one in opens])
    stream = plan.stream
    if stream is None:
        raise UserError("That can be looked into once it is posted: reply to the post, or see what /info LINK tells.")

    def read(offset: int) -> AsyncGenerator[bytes, None]:
        return source.read(stream, offset, tools)

    return (await _inspected(stream.name, stream.size, read, workdir, tools.ffmpeg),)


async def _inspected(name: str, size: int | None, open_at: Open, workdir: Path, ffmpeg: Path) -> Inspected:
    path = workdir / f"inspected{Path(name).suffix}"
    async with Ahead(open_at) as ahead:
        head, tail, at = await _ends(ahead, size)
    await asyncio.to_thread(_write, path, head, tail, at, size)
    return Inspected(name, size, await look(path, ffmpeg, workdir, name))


async def _ends(ahead: Ahead, size: int | None) -> tuple[bytes, bytes, int]:
    """The beginning of a file, and another stretch of it with the place where that begins: what ffmpeg looks at."""
    head = await ahead.head(_FIRST)
    end = index_end(head)
    head = await ahead.head(min(_MOST, (end or 0) + _HEAD))
    if size is None or len(head) >= size or end is not None:
        return head, b"", 0
    behind = media_end(head)
    at = max(len(head), behind if behind is not None and is_mp4(head) else size - _TAIL)
    return head, await _stretch(ahead, at) if at < size else b"", at


async def _stretch(ahead: Ahead, start: int) -> bytes:
    """The bytes from ``start`` on; nothing where they can't be had, or are too many."""
    found = bytearray()
    try:
        async with aclosing(ahead.at(start)) as chunks:
            async for chunk in chunks:
                found += chunk
                if len(found) > _MOST:
                    return b""
    except MedusaError:
        return b""
    return bytes(found)


def _write(path: Path, head: bytes, tail: bytes, at: int, size: int | None) -> None:
    """Write a file as long as the whole that takes no room where nothing is known of it."""
    with path.open("wb") as file:
        file.write(head)
        if tail:
            file.seek(at)
            file.write(tail)
        file.truncate(size or len(head))
