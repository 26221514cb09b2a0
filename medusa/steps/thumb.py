"""Gives a post the thumbnail that the owner chose: the frame of a time, or the picture that is kept for all posts."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path

from medusa.errors import UserError
from medusa.model import LocalFile, Order, Progress, Report
from medusa.names import quoted
from medusa.steps import Step, Wish
from medusa.steps.image import image_in
from medusa.steps.thumbnail import frame_at, of_picture
from medusa.tools import Tools
from medusa.words import playing_time

_TIME = re.compile(r"(?:(\d{1,3}):)?(?:(\d{1,3}):)?(\d{1,6}(?:\.\d{1,3})?)", re.ASCII)
_NO_PICTURE = "That is no picture that can be a thumbnail: it takes JPEG, PNG or WebP."


def read_time(text: str) -> str:
    """A time such as ``1:23`` as it is kept: in seconds. Raises UserError."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise UserError(f"{quoted(text)} is no time. Times look like 1:23, 83.5 or 1:02:03.")
    total = 0.0
    for part in filter(None, found.groups()):
        total = total * 60 + float(part)
    return f"{total:.3f}".rstrip("0").rstrip(".")


def is_time(text: str) -> bool:
    """Whether a word is meant as a time."""
    return _TIME.fullmatch(text) is not None


def _wants(file: LocalFile, order: Order) -> bool:
    return "thumb" in order.edits or not (file.photo or file.shape == "voice")


async def _run(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile:
    if "thumb" in order.edits:
        report(Progress(note="making the thumbnail"))
        return await _at(file, float(order.edits["thumb"]), workdir, tools)
    if (kept := await tools.thumb()) is None:
        return file
    made = workdir / "kept.jpg"
    await asyncio.to_thread(made.write_bytes, kept)
    return replace(file, thumb=made)


async def _at(file: LocalFile, start: float, workdir: Path, tools: Tools) -> LocalFile:
    """The file with the frame of that time. Raises UserError."""
    media, ffmpeg = file.media, tools.ffmpeg
    if ffmpeg is None:
        raise UserError("This needs ffmpeg, which is missing on this machine.")
    if media is None or media.video_codec is None:
        raise UserError(f"{file.name} is no video, so there is no frame to take a thumbnail from.")
    if media.duration is not None and start >= media.duration:
        raise UserError(f"{file.name} is over after {playing_time(media.duration)}: there is no frame at that time.")
    made = workdir / f"{file.path.stem}.chosen.jpg"
    if await frame_at(ffmpeg, file.path, start, media, made) is None:
        raise UserError(f"No frame of {file.name} can be read at {playing_time(start)}; choose another time.")
    return replace(file, thumb=made)


async def thumbnail_of(data: bytes, ffmpeg: Path | None, folder: Path) -> bytes:
    """A picture as a thumbnail, which is a small JPEG; ``folder`` is for files on the way. Raises UserError."""
    image = image_in(data)
    if image is None or image.moves:
        raise UserError(_NO_PICTURE)
    if ffmpeg is None:
        raise UserError("This needs ffmpeg, which is missing on this machine.")
    source = folder / "source"
    await asyncio.to_thread(source.write_bytes, data)
    made = await of_picture(source, image, ffmpeg, folder)
    if made is None:
        raise UserError(f"{_NO_PICTURE} This one can't be read.")
    return await asyncio.to_thread(made.read_bytes)


STEP = Step(
    name="thumb",
    stage=85,
    wants=_wants,
    run=_run,
    example="clip.mp4",
    peeks=True,
    wishes=(
        Wish("thumb", "the frame of this time as thumbnail", "a time such as 1:23", read=read_time, example="0:02"),
    ),
)
