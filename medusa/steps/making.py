"""Has ffmpeg make what a draft says, and looks at what came of it."""

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path

from medusa import process
from medusa.cage import Cage
from medusa.errors import UserError
from medusa.model import LocalFile, Media, Progress, Report
from medusa.names import safe_file_name
from medusa.steps import cutting
from medusa.steps.cutting import Reading
from medusa.steps.draft import Draft, Track
from medusa.steps.encoders import encoder_for
from medusa.steps.ffmpeg import command, expect_room, further_input, look, target
from medusa.steps.pace import measured
from medusa.steps.probe import named
from medusa.tools import Tools

_STALLED = 600.0
"""Seconds without a word from ffmpeg after which it hangs; moving a big file's index to the front takes a while."""
_COMPUTING = 24 * 3600
"""Seconds of one processor; a film that is encoded on a small machine takes many hours."""
_SLACK = 64 * 1024 * 1024
_MUXERS = {
    "mp4": ("mp4", "-movflags", "+faststart"),
    "m4a": ("ipod", "-movflags", "+faststart"),
    "mkv": ("matroska",),
    "mka": ("matroska",),
    "ts": ("mpegts",),
    "ogg": ("ogg",),
    "opus": ("ogg",),
    "aac": ("adts",),
}
"""ffmpeg's names of the containers that are not called like their extension, with what each of them is told."""


async def make(draft: Draft, workdir: Path, tools: Tools, report: Report) -> LocalFile:
    """Make a file beside the draft's source, which stays; made again, it takes the place of what was left.

    Raises UserError in words of what ffmpeg could not do, DiskFull, and Broken when it hangs.
    """
    ffmpeg, source = tools.ffmpeg, draft.source
    if ffmpeg is None:
        raise UserError("This needs ffmpeg, which is missing on this machine.")
    ending = draft.container
    made = source.path.with_name(f"{source.path.stem}.made.{ending}")
    began = time.monotonic()
    try:
        await _written(draft, ffmpeg, workdir, made, report)
    except UserError:
        if not _keeps_subtitles(draft):
            raise
        await _written(replace(draft, subtitles=False), ffmpeg, workdir, made, report)  # they may be what did not fit
    if draft.encodes:
        measured(draft, time.monotonic() - began)
    seen = await look(made, ffmpeg, workdir)
    if seen.media is None:
        raise UserError(f"Nothing came of it: {source.name} holds nothing that can be {_done(draft)}.")
    name = safe_file_name(_stem(source.name), extension=f".{ending}")
    kept = replace(
        seen.media,
        title=draft.tags.get("title", draft.media.title),
        performer=draft.tags.get("artist", draft.media.performer),
    )
    title = draft.tags.get("title") or source.title
    return named(replace(source, path=made, name=name, media=kept, title=title, shape=draft.shape, size=0))


def _done(draft: Draft) -> str:
    return ", ".join(draft.said) or "made"


def _stem(name: str) -> str:
    return re.sub(r"\.[A-Za-z0-9]{1,10}\Z", "", name)


async def _written(draft: Draft, ffmpeg: Path, workdir: Path, made: Path, report: Report) -> None:
    reading = await _reading(draft, ffmpeg, workdir, report)
    if reading.filtered:
        sound = draft.audio if draft.audio.encodes else replace(draft.audio, codec="aac")
        draft = replace(draft, subtitles=False, audio=sound)
    argv = await arguments(draft, ffmpeg, workdir, made, reading)
    await run_ffmpeg(argv, draft, workdir, report, reading.note)
    for piece in reading.pieces:
        piece.unlink()


async def _reading(draft: Draft, ffmpeg: Path, workdir: Path, report: Report) -> Reading:
    """What ffmpeg is to read; several ranges that are copied are first written into files of their own."""
    if not draft.ranges:
        return cutting.whole(draft)
    if draft.has_video and draft.video.encodes:
        return cutting.encoded(draft)
    begins = [await cutting.begin_of(draft, start, ffmpeg, workdir) for start, _ in draft.ranges]
    found = [cutting.copied(draft, *both) for both in zip(draft.ranges, begins, strict=True)]
    if len(found) == 1:
        return found[0]
    pieces = [cutting.piece_of(draft, number) for number in range(len(found))]
    for reading, piece in zip(found, pieces, strict=True):
        argv = cutting.piece_arguments(draft, reading, ffmpeg, piece)
        await run_ffmpeg(argv, draft, workdir, report, reading.note)
    return cutting.joined(draft, pieces, "joining the ranges")


async def arguments(draft: Draft, ffmpeg: Path, workdir: Path, made: Path, reading: Reading) -> list[str]:
    """The command line that makes ``made`` of a draft. Raises UserError where an encoder is missing."""
    argv = command(ffmpeg, reading.first.path, *reading.first.options)
    for path in draft.inputs:
        argv += further_input(path)
    for one in reading.last:
        argv += further_input(one.path, *one.options)
    video = await _track(draft.video, "v", ffmpeg, workdir) if draft.has_video else []
    audio = await _track(draft.audio, "a", ffmpeg, workdir) if draft.has_audio else []
    behind = len(draft.inputs) + 1
    if reading.filtered:
        numbers = (0, *range(behind, behind + len(reading.last)))
        video, filters = _apart(video)
        audio, sound_filters = _apart(audio)
        argv += cutting.graph(draft, numbers, filters, sound_filters)
    else:
        argv += ["-map", "0:V:0"] if draft.has_video else []
        argv += ["-map", "0:a?"] if draft.has_audio else []
    argv += ["-map", "0:s?"] if _keeps_subtitles(draft) else []
    for taken in draft.maps:
        argv += ["-map", taken]
    argv += [*video, *audio]
    argv += ["-c:s", "mov_text" if draft.container == "mp4" else "copy"] if _keeps_subtitles(draft) else []
    argv += ["-tag:v", "hvc1"] if _is_hevc(draft) and draft.container == "mp4" else []
    argv += ["-dn", "-map_metadata", str(behind if reading.described else 0), *reading.output]
    for key, value in draft.tags.items():
        argv += ["-metadata", f"{key}={value}"]
    argv += [*muxer_of(draft.container), *draft.output, "-strict", "-2"]
    return [*argv, "-progress", "pipe:1", "-stats_period", "0.5", "-v", "error", target(made)]


def muxer_of(ending: str) -> list[str]:
    """The arguments that choose the container of this extension."""
    muxer, *told = _MUXERS.get(ending, (ending,))
    return ["-f", muxer, *told]


def _apart(arguments_of_track: list[str]) -> tuple[list[str], str]:
    """The arguments of a track without its filters, and these."""
    if arguments_of_track[:1] and arguments_of_track[0].startswith("-filter:"):
        return arguments_of_track[2:], arguments_of_track[1]
    return arguments_of_track, ""


def _keeps_subtitles(draft: Draft) -> bool:
    return draft.subtitles and draft.has_video and draft.container in ("mp4", "mkv")


def _is_hevc(draft: Draft) -> bool:
    return draft.has_video and (draft.video.codec or draft.media.video_codec) in ("hevc", "libx265")


async def _track(track: Track, letter: str, ffmpeg: Path, workdir: Path) -> list[str]:
    """The arguments for the pictures (``v``) or the sound (``a``)."""
    if not track.encodes:
        return [f"-c:{letter}", "copy"]
    codec = track.codec or {"v": "h264", "a": "aac"}[letter]
    encoder = await encoder_for(codec, ffmpeg, workdir)
    filters = ",".join([*track.filters, *encoder.filters])
    return [
        *([f"-filter:{letter}", filters] if filters else []),
        f"-c:{letter}",
        encoder.name,
        *encoder.settings,
        *track.settings,
    ]


@dataclass(frozen=True, slots=True)
class Work:
    """What one run of ffmpeg is about: the file's ``name`` for complaints, and the ``most`` bytes of what it writes.

    ``seconds`` is the length of all that is made, None while unknown, of which earlier runs have made ``before``.
    """

    name: str
    most: int
    seconds: float | None
    before: float = 0.0
    note: str = ""


async def run_ffmpeg(argv: list[str], draft: Draft, workdir: Path, report: Report, note: str = "") -> None:
    """Run a command line whose output goes to ``-progress pipe:1``, and report how much is made, with a ``note``."""
    note = "encoding anew" if draft.encodes else note
    work = Work(draft.source.name, most_bytes(draft), draft.duration, note=note)
    await run_work(argv, work, workdir, report)


async def run_work(argv: list[str], work: Work, workdir: Path, report: Report) -> None:
    """Run such a command line. Raises UserError in words of what ffmpeg could not do, DiskFull, and Broken."""
    total = round(work.seconds * 1000) if work.seconds else None
    cage = Cage(cpu=_COMPUTING)
    async with process.child(argv, cwd=workdir, max_file=work.most, cage=cage) as running:
        async for line in running.lines(_STALLED):
            key, _, value = line.partition("=")
            if key == "out_time_us" and value.isdigit():
                done = round(work.before * 1000) + int(value) // 1000
                report(Progress(min(done, total) if total else done, total, work.note, playing=True))
        code = await running.wait()
    expect_room(running.err_tail)
    if code:
        raise UserError(f"ffmpeg could not do that to {work.name}: {complaint(running.err_tail)}")


def complaint(said: str) -> str:
    """The line of ffmpeg's error text that tells the most, without the names of its parts and of folders."""
    lines = [re.sub(r"^\[[^\]]*\] ", "", line).strip() for line in said.splitlines()]
    lines = [re.sub(r"file:/\S*/", "", line) for line in lines if line]
    return lines[0] if lines else "it gave no reason."


def most_bytes(draft: Draft) -> int:
    """How large the result may get: as large as the source twice over, and as sound that is not compressed."""
    size = draft.source.path.stat().st_size
    sound = round((draft.duration or 0) * 48000 * 2 * 4) if draft.audio.encodes else 0
    return 2 * size + sound + _SLACK


def same_length(before: float | None, after: Media, slack: float) -> bool:
    """Whether what was made lasts as long as was meant, within ``slack`` seconds."""
    return before is None or after.duration is None or abs(before - after.duration) <= slack
