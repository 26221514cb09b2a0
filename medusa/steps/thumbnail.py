"""Makes the small preview picture: a bright and sharp frame from within a video, or the cover of a song."""

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
_GOOD = 0.75
"""The appeal from which no better frame is looked for."""
_SEEN = re.compile(rb"signalstats\.(YLOW|YHIGH|YAVG)=([\d.]+)")
_PICTURES = ("-format_whitelist", "jpeg_pipe,png_pipe,webp_pipe")
"""Takes the place of the list of containers."""


def _wants(file: LocalFile, order: Order) -> bool:  # noqa: ARG001 - the seam
    return file.media is not None and file.thumb is None


async def _run(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile:  # noqa: ARG001 - the seam
    """Choose the first good frame, else the best of all; a file that yields none goes without."""
    media, ffmpeg = file.media, tools.ffmpeg
    if media is None or ffmpeg is None:
        return file
    report(Progress(note="making the thumbnail"))
    best: Path | None = None
    most = -1.0
    for number, start in enumerate(_starts(media, file.visible)):
        made = workdir / f"{file.path.stem}.thumb{number}.jpg"
        try:
            appeal = await frame_at(ffmpeg, file.path, start, media, made)
        except Broken:  # it hangs here, and would elsewhere
            break
        if appeal is not None and appeal > most:
            best, most = made, appeal
        if most >= _GOOD:
            break
    return replace(file, thumb=best)


async def of_picture(picture: Path, image: Image, ffmpeg: Path, workdir: Path) -> Path | None:
    """Make the thumbnail of an image in a file; None when it cannot be read. Raises DiskFull."""
    made = workdir / "picture.jpg"
    try:
        appeal = await _grab(ffmpeg, picture, _PICTURES, Media("", width=image.width, height=image.height), made)
    except Broken:
        return None
    return None if appeal is None else made


def appeal_of(low: float, high: float, edges: float) -> float:
    """How good a frame is as a thumbnail, from 0 for black to 1 for one that is bright, full of contrast and sharp.

    ``low`` and ``high`` are the luma (0 to 255) that a tenth of the pixels is below and above, ``edges`` the mean
    strength of the edges. What is flat or blurred has weak ones.
    """
    light = _share(high - 30, 60)
    return light * (0.1 + 0.4 * _share(high - low, 80) + 0.5 * _share(edges, 16))


def _share(value: float, whole: float) -> float:
    return min(1.0, max(0.0, value / whole))


def _starts(media: Media, visible: float) -> list[float]:
    """Return the seconds at which to look; the beginning is the last resort, and all there is of a cover.

    ``visible`` is the share of the file that can be read, about as much of its duration.
    """
    if media.video_codec is None:
        return [0.0]
    if media.duration is None:
        return [3.0, 0.0]
    return [round(media.duration * visible * place, 3) for place in _PLACES] + [0.0]


async def frame_at(ffmpeg: Path, source: Path, start: float, media: Media, made: Path) -> float | None:
    """Write the frame at ``start`` seconds as JPEG and return its appeal; None when there is none or it is too big.

    Raises DiskFull, and Broken when ffmpeg hangs.
    """
    # Seeking, even to the beginning, would pass over a cover.
    return await _grab(ffmpeg, source, ("-ss", f"{start:g}") if start else (), media, made)


async def _grab(ffmpeg: Path, source: Path, before: Sequence[str], media: Media, made: Path) -> float | None:
    """Write one frame as JPEG and return its appeal; None when there is none or it is too big.

    ``before`` are options of the input. Raises DiskFull, and Broken when ffmpeg hangs.
    """
    for quality in ("3", "12"):
        argv = [*command(ffmpeg, source, *before), "-filter_complex", _looking(media), "-v", "error"]
        argv += ["-map", "[shown]", "-frames:v", "1", "-map_metadata", "-1", "-pix_fmt", "yuvj420p"]
        argv += ["-q:v", quality, "-f", "mjpeg", target(made), "-map", "[edges]", "-frames:v", "1", "-f", "null", "-"]
        done = await process.run(argv, cwd=made.parent, timeout=_SECONDS, keep=descriptors(source))
        expect_room(done.err)
        # ffmpeg may look at further frames; the first is the one that it writes.
        seen = {key: float(value) for key, value in reversed(_SEEN.findall(done.out))}
        if done.code or len(seen) < 3:
            return None
        if _is_small(made):
            return appeal_of(seen[b"YLOW"], seen[b"YHIGH"], seen[b"YAVG"])
    return None


def _looking(media: Media) -> str:
    """The filters that make a thumbnail, and print how bright it is and how strong its edges are."""

    def printing(key: str) -> str:
        return f"metadata=mode=print:key=lavfi.signalstats.{key}:file=-"

    return (
        f"[0:v:0]{_scale(media)},split[one][two];"
        f"[one]signalstats,{printing('YLOW')},{printing('YHIGH')}[shown];"
        f"[two]format=gray,sobel,signalstats,{printing('YAVG')}[edges]"
    )


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
