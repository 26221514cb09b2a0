"""Puts a subtitle file that comes beside a video into it."""

import asyncio
from pathlib import Path

from medusa.errors import UserError
from medusa.model import LocalFile, Order, Progress, Report
from medusa.steps import Files, Step, Wish
from medusa.steps.captions import convert, own_name, text_of
from medusa.tools import Tools

USE = "embed"


def _wants(file: LocalFile, order: Order) -> bool:  # noqa: ARG001 - the seam
    return "embed" in order.edits


async def _gather(files: Files, order: Order, workdir: Path, tools: Tools, report: Report) -> Files:  # noqa: ARG001 - the seam
    """Keep the video, with the text in a file of its own beside it for the draft to take. Raises UserError."""
    videos = [file for file in files if file.media is not None and file.media.video_codec is not None]
    others = [file for file in files if file.media is None]
    if tools.ffmpeg is None:
        raise UserError("This needs ffmpeg, which is missing on this machine.")
    if len(videos) != 1 or len(others) != 1:
        names = ", ".join(file.name for file in files[:4])
        raise UserError(f"One video and one subtitle file are needed; here are {names}.")
    [video], [file] = videos, others
    report(Progress(note="reading the subtitles"))
    text, kind = await asyncio.to_thread(text_of, file)
    await convert(text, kind, workdir / own_name(USE, video.path, kind), file.name, tools.ffmpeg, workdir)
    return (video,)


STEP = Step(
    name="embed",
    stage=22,
    wants=_wants,
    gather=_gather,
    example="film.mp4",
    wishes=(Wish("embed", "put the subtitle file that comes with the video into it"),),
)
