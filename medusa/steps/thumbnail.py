"""Makes the small preview picture: a frame from the middle of a video that is not black, or the cover of a song."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from medusa import process
from medusa.errors import Broken
from medusa.model import LocalFile, Media, Order, Progress, Report
from medusa.steps import Step
from medusa.steps.ffmpeg import command, descriptors, expect_room, target
from medusa.steps.image import Image
from medusa.tools import Tools

_SIDE = 320
_MAX_BYTES = 200_000
"""Telegram's limits of a thumbnail: JPEG, 320 pixels a side, 200 KB (https://core.telegram.org/api/files)."""
_SECONDS = 60.0
_PLACES = (0.5, 0.35, 0.65, 0.2, 0.8)
_BRIGHT = 40.0
"""Mean luma from which a frame is not called black; black itself is 16."""
_PICTURES = ("-format_whitelist", "jpeg_pipe,png_pipe,webp_pipe")
"""Takes the place of the list of containers."""


def _wants(file: LocalFile, order: Order) -> bool:  # noqa: ARG001 - the seam
    return file.media is not None and file.thumb is None


async def _run(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile:  # noqa: ARG001 - the seam
    """Choose the first bright frame, else the brightest; a file that yields none goes without."""
    media, ffmpeg = file.media, tools.ffmpeg
    if media is None or ffmpeg is None:
        return file
    report(Progress(note="making the thumbnail"))
    best: Path | None = None
    most = -1.0
    for number, start in enumerate(_starts(media, file.visible)):
        made = workdir / f"thumb{number}.jpg"
        try:
            # Seeking, even to the beginning, would pass over a cover.
            light = await _grab(ffmpeg, file.path, ("-ss", f"{start:g}") if start else (), media, made)
        except Broken:  # it hangs here, and would elsewhere
            break
        if light is not None and light > most:
            best, most = made, light
        if most >= _BRIGHT:
            break
    return replace(file, thumb=best)


async def of_picture(picture: Path, image: Image, ffmpeg: Path, workdir: Path) -> Path | None:
    """Make the thumbnail of an image in a file; None when it cannot be read. Raises DiskFull."""
    made = workdir / "picture.jpg"
    try:
        light = await _grab(ffmpeg, picture, _PICTURES, Media("", width=image.width, height=image.height), made)
    except Broken:
        return None
    return None if light is None else made


def _starts(media: Media, visible: float) -> list[float]:
    """Return the seconds at which to look; the beginning is the last resort, and all there is of a cover.

    ``visible`` is the share of the file that can be read, about as much of its duration.
    """
    if media.video_codec is None:
        return [0.0]
    if media.duration is None:
        return [3.0, 0.0]
    return [round(media.duration * visible * place, 3) for place in _PLACES] + [0.0]


async def _grab(ffmpeg: Path, source: Path, before: Sequence[str], media: Media, made: Path) -> float | None:
    """Write one frame as JPEG and return its mean luma (0 to 255); None when there is none or it is too big.

    ``before`` are options of the input. Raises DiskFull, and Broken when ffmpeg hangs.
    """
    filters = f"{_scale(media)},signalstats,metadata=mode=print:key=lavfi.signalstats.YAVG:file=-"
    for quality in ("3", "12"):
        argv = [*command(ffmpeg, source, *before), "-map", "0:v:0", "-frames:v", "1", "-vf", filters]
        argv += [
            "-map_metadata",
            "-1",
            "-pix_fmt",
            "yuvj420p",
            "-q:v",
            quality,
            "-v",
            "error",
            "-f",
            "mjpeg",
            target(made),
        ]
        done = await process.run(argv, cwd=made.parent, timeout=_SECONDS, keep=descriptors(source))
        expect_room(done.err)
        found = re.search(rb"YAVG=([\d.]+)", done.out)
        if done.code or not found:
            return None
        if _is_small(made):
            return float(found[1])
    return None


def _is_small(picture: Path) -> bool:
    return picture.exists() and 0 < picture.stat().st_size <= _MAX_BYTES


def _scale(media: Media) -> str:
    """Return the filter that fits the frame, as displayed, into the allowed square; it never enlarges."""
    if not media.width or not media.height:
        return f"scale={_SIDE}:{_SIDE}:force_original_aspect_ratio=decrease,setsar=1"
    factor = min(1.0, _SIDE / max(media.width, media.height))
    width, height = (max(2, round(side * factor)) for side in (media.width, media.height))
    return f"scale={width}:{height},setsar=1"


STEP = Step(name="thumbnail", stage=90, wants=_wants, run=_run, example="clip.mp4", peeks=True)
