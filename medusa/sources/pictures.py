"""Fetches the picture that a site shows for a video or a song, as a thumbnail."""

from contextlib import aclosing
from pathlib import Path

from medusa.errors import MedusaError
from medusa.model import Order
from medusa.sources import ranged, secret, ytdlp_info
from medusa.sources.ytdlp_info import Info
from medusa.steps import thumbnail
from medusa.steps.image import Image, image_in
from medusa.tools import Tools

_MOST_BYTES = 5_000_000
_TRIES = 3
"""How many of a site's pictures are looked at, the best first."""
_UNLIKE = 0.1
"""By how much the shape of a picture may differ from that of its video."""


async def thumbnail_of(info: Info, order: Order, workdir: Path, tools: Tools) -> Path | None:
    """The site's picture; None when there is none that will do, and for a video of another shape.

    Nothing that is wrong with it keeps the video from being fetched. Raises DiskFull.
    """
    shape = None if order.quality == "audio" else ytdlp_info.shape_of(info)
    if tools.ffmpeg is None or shape == 0:
        return None
    for link in ytdlp_info.pictures_of(info)[:_TRIES]:
        data = await _fetched(link, tools)
        image = image_in(data)
        if image is None or not _fits(image, shape):
            continue
        picture = workdir / "picture"
        try:
            picture.write_bytes(data)
            if (made := await thumbnail.of_picture(picture, image, tools.ffmpeg, workdir)) is not None:
                return made
        finally:
            picture.unlink(missing_ok=True)
    return None


def _fits(image: Image, shape: float | None) -> bool:
    if not image.width or not image.height:
        return False
    return shape is None or abs(image.width / image.height / shape - 1) <= _UNLIKE


async def _fetched(link: str, tools: Tools) -> bytes:
    """What is behind a link; empty for what cannot be had, or is too big for a picture."""
    data = bytearray()
    try:
        async with tools.web.get(link, await secret.headers_for(link, tools)) as answer:
            ranged.expect(answer, 200)
            async with aclosing(answer.chunks()) as chunks:
                async for chunk in chunks:
                    data += chunk
                    if len(data) > _MOST_BYTES:
                        return b""
    except MedusaError:
        return b""
    return bytes(data)
