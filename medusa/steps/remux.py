"""Puts a video whose codecs MP4 can carry into an MP4 that starts playing at once, without touching the pictures."""

import re
from dataclasses import replace
from pathlib import Path

from medusa import process
from medusa.cage import Cage
from medusa.errors import Broken
from medusa.model import LocalFile, Media, Order, Progress, Report
from medusa.names import safe_file_name
from medusa.steps import Step
from medusa.steps.ffmpeg import command, expect_room, look, target
from medusa.tools import Tools

_STALLED = 600.0
"""Seconds without a word from ffmpeg after which it hangs; moving a big file's index to the front takes a while."""
_COMPUTING = 3600
"""Seconds; nothing is encoded anew."""
_SLACK = 16 * 1024 * 1024
_VIDEO = frozenset({"h264", "hevc", "av1", "mpeg4"})
_AUDIO = frozenset({None, "aac", "mp3", "ac3", "eac3", "opus"})


def _wants(file: LocalFile, order: Order) -> bool:
    media = file.media
    if media is None or order.as_document or media.streamable or file.fixed or "shots" in order.edits:
        return False
    return media.video_codec in _VIDEO and media.audio_codec in _AUDIO


async def _run(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile:  # noqa: ARG001 - the seam
    """Remux into a new file that takes the old one's place by a rename, so that a crash leaves the one or the other."""
    media, ffmpeg = file.media, tools.ffmpeg
    if media is None or ffmpeg is None:
        return file
    made = workdir / "remux.part.mp4"
    try:
        for subtitles in _subtitles(media):
            argv = [*command(ffmpeg, file.path, "-fflags", "+genpts"), *_output(media, subtitles, made)]
            done = await _remux(argv, _size(file.path), workdir, report)
            seen = await look(made, ffmpeg, workdir) if done else None
            if seen and seen.media and _equal(media, seen.media):
                made.replace(file.path)
                name = safe_file_name(re.sub(r"\.[A-Za-z0-9]{1,10}\Z", "", file.name), extension=".mp4")
                kept = replace(seen.media, title=media.title, performer=media.performer)
                return replace(file, name=name, mime="video/mp4", media=kept)
    except Broken as error:
        report(Progress(note=f"{error.user_text} The video is posted as it is"))
        return file
    finally:
        made.unlink(missing_ok=True)  # half a copy is of no use, and may be what fills the disk
    report(Progress(note="MP4 cannot hold this video: posted as it is"))
    return file


def _subtitles(media: Media) -> tuple[tuple[str, ...], ...]:
    """Return the ways to treat subtitles, best first: MP4 holds text only, so pictures of text must stay behind."""
    if media.container.startswith("mov"):
        return (("-map", "0:s?", "-c:s", "copy"), ("-sn",))
    return (("-map", "0:s?", "-c:s", "mov_text"), ("-sn",))


def _output(media: Media, subtitles: tuple[str, ...], made: Path) -> list[str]:
    argv = ["-map", "0:V:0", "-map", "0:a?", "-c", "copy", *subtitles, "-dn", "-map_metadata", "0"]
    # Apple's players take HEVC only under this tag.
    argv += ["-tag:v", "hvc1"] if media.video_codec == "hevc" else []
    argv += ["-strict", "-2", "-movflags", "+faststart", "-progress", "pipe:1", "-stats_period", "0.5"]
    return [*argv, "-v", "error", "-f", "mp4", target(made)]


def _size(path: Path) -> int:
    return path.stat().st_size


async def _remux(argv: list[str], size: int, workdir: Path, report: Report) -> bool:
    """Run ffmpeg and say whether it was content. Raises DiskFull, and Broken when it hangs."""
    cage = Cage(cpu=_COMPUTING)
    async with process.child(argv, cwd=workdir, max_file=2 * size + _SLACK, cage=cage) as running:
        async for line in running.lines(_STALLED):
            key, _, value = line.partition("=")
            if key == "total_size" and value.isdigit():
                report(Progress(min(int(value), size), size))
        code = await running.wait()
    expect_room(running.err_tail)
    return code == 0


def _equal(before: Media, after: Media) -> bool:
    """Say whether the copy shows the same for as long, within a second or two percent."""
    same = (before.video_codec, before.width, before.height) == (after.video_codec, after.width, after.height)
    if before.duration is None or after.duration is None:
        return same and after.duration is not None
    return same and abs(before.duration - after.duration) <= max(1.0, before.duration * 0.02)


STEP = Step(name="remux", stage=50, wants=_wants, run=_run, example="lecture.mkv", says="MP4")
