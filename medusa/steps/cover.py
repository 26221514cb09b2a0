"""Takes a frame of a video that only its sound is kept of, to be the sound's cover."""

from pathlib import Path

from medusa.model import LocalFile, Order, Report
from medusa.steps import Files, Step, thumbnail
from medusa.tools import Tools


def _wants(file: LocalFile, order: Order) -> bool:
    media = file.media
    return "audio" in order.edits and bool(media and media.video_codec and media.audio_codec) and file.thumb is None


async def _run(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile | Files:
    """Choose it as the preview picture of the video is chosen, which it becomes of the sound, too."""
    choose = thumbnail.STEP.run
    return await choose(file, order, workdir, tools, report) if choose else file


STEP = Step(name="cover", stage=28, wants=_wants, run=_run, example="concert.mp4")
