"""Has ffmpeg make what a draft says, and looks at what came of it."""

import re
from dataclasses import replace
from pathlib import Path

from medusa import process
from medusa.cage import Cage
from medusa.errors import UserError
from medusa.model import LocalFile, Media, Progress, Report
from medusa.names import safe_file_name
from medusa.steps.draft import SOUND_IN, TEXTS, Draft, Track
from medusa.steps.encoders import encoder_for
from medusa.steps.ffmpeg import command, expect_room, look, own_input, target
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
    "mp3": ("mp3", "-id3v2_version", "3"),
    "wav": ("wav", "-rf64", "auto"),
}
"""ffmpeg's names of the containers that are not called like their extension, with what each of them is told."""


_OF_MP4 = ("major_brand", "minor_version", "compatible_brands")
"""What MP4 says of itself, which other containers would take for tags."""


async def make(draft: Draft, workdir: Path, tools: Tools, report: Report) -> LocalFile:
    """Make a file beside the draft's source, which stays; made again, it takes the place of what was left.

    Raises UserError in words of what ffmpeg could not do, DiskFull, and Broken when it hangs.
    """
    ffmpeg, source = tools.ffmpeg, draft.source
    if ffmpeg is None:
        raise UserError("This needs ffmpeg, which is missing on this machine.")
    ending = draft.container
    made = source.path.with_name(f"{source.path.stem}.made.{ending}")
    argv = await arguments(draft, ffmpeg, workdir, made)
    await run_ffmpeg(argv, draft, workdir, report)
    seen = await look(made, ffmpeg, workdir)
    if seen.media is None:
        raise UserError(f"Nothing came of it: {source.name} holds nothing that can be {_done(draft)}.")
    name = safe_file_name(_stem(source.name), extension=f".{ending}")
    kept = replace(
        seen.media,
        title=draft.tags.get("title", draft.media.title) or None,
        performer=draft.tags.get("artist", draft.media.performer) or None,
    )
    title = draft.tags.get("title") or source.title
    return named(replace(source, path=made, name=name, media=kept, title=title, shape=draft.shape, size=0))


def _done(draft: Draft) -> str:
    return ", ".join(draft.said) or "made"


def _stem(name: str) -> str:
    return re.sub(r"\.[A-Za-z0-9]{1,10}\Z", "", name)


async def arguments(draft: Draft, ffmpeg: Path, workdir: Path, made: Path) -> list[str]:
    """The command line that makes ``made`` of a draft. Raises UserError where an encoder is missing."""
    argv = command(ffmpeg, draft.source.path, *_seeking(draft))
    for path in draft.inputs:
        argv += own_input(path)
    argv += ["-map", "0:V:0"] if draft.has_video else []
    argv += ["-map", "0:a:0" if _is_one_track(draft) else "0:a?"] if draft.has_audio else []
    argv += _subtitles(draft) if _keeps_subtitles(draft) else []
    for one in draft.maps:
        argv += ["-map", one]
    argv += ["-map", draft.cover, "-c:v", "copy", "-disposition:v:0", "attached_pic"] if draft.cover else []
    argv += await _track(draft.video, "h264", "v", ffmpeg, workdir) if draft.has_video else []
    argv += await _track(draft.audio, draft.sound, "a", ffmpeg, workdir) if draft.has_audio else []
    argv += ["-tag:v", "hvc1"] if _is_hevc(draft) and draft.container == "mp4" else []
    argv += ["-dn", *_tags(draft)]
    muxer, *told = _MUXERS.get(draft.container, (draft.container,))
    argv += [*told, *draft.output, "-strict", "-2", "-progress", "pipe:1", "-stats_period", "0.5", "-v", "error"]
    return [*argv, "-f", muxer, target(made)]


def _seeking(draft: Draft) -> list[str]:
    if not draft.ranges:
        return []
    start, end = draft.ranges[0]
    return ["-ss", f"{start:.3f}", *(["-to", f"{end:.3f}"] if end is not None else [])]


def _keeps_subtitles(draft: Draft) -> bool:
    return draft.has_video and draft.container in ("mp4", "mkv")


def _subtitles(draft: Draft) -> list[str]:
    """What takes the subtitle tracks over, and has all become what the container can hold: MP4 holds text only."""
    codecs = draft.media.subtitle_codecs.split() if draft.subtitles else []
    mp4 = draft.container == "mp4"
    kept = [(number, codec) for number, codec in enumerate(codecs) if not mp4 or codec in TEXTS]
    argv = [word for number, _ in kept for word in ("-map", f"0:s:{number}")]
    argv += ["-c:s", "mov_text" if mp4 else "copy"]
    for place, (_, codec) in enumerate(kept):
        argv += [f"-c:s:{place}", "srt"] if codec == "mov_text" and not mp4 else []
    return argv


def _is_one_track(draft: Draft) -> bool:
    return not draft.has_video and draft.container in SOUND_IN


def _tags(draft: Draft) -> list[str]:
    """What is written about the file: what stood in the source, and the draft's own. In Ogg, a stream has the tags."""
    from_ogg, to_ogg = draft.media.container == "ogg", draft.container in ("ogg", "opus")
    argv = ["-map_metadata:g", "0:s:a:0" if from_ogg and draft.has_audio and not to_ogg else "0"]
    for key in _OF_MP4:
        argv += ["-metadata", f"{key}="]
    for key, value in draft.tags.items():
        argv += ["-metadata:s:a:0" if to_ogg else "-metadata", f"{key}={value}"]
    return argv


def _is_hevc(draft: Draft) -> bool:
    return draft.has_video and (draft.video.codec or draft.media.video_codec) in ("hevc", "libx265")


async def _track(track: Track, usual: str, letter: str, ffmpeg: Path, workdir: Path) -> list[str]:
    """The arguments for the pictures (``v``) or the sound (``a``)."""
    if not track.encodes:
        return [f"-c:{letter}", "copy"]
    encoder = await encoder_for(track.codec or usual, ffmpeg, workdir)
    filters = ",".join([*track.filters, *encoder.filters])
    return [
        *([f"-filter:{letter}", filters] if filters else []),
        f"-c:{letter}",
        encoder.name,
        *encoder.settings,
        *track.settings,
    ]


async def run_ffmpeg(argv: list[str], draft: Draft, workdir: Path, report: Report) -> None:
    """Run a command line whose output goes to ``-progress pipe:1``, and report how much is made."""
    note = "encoding anew" if draft.encodes else ""
    total = round(draft.duration * 1000) if draft.duration else None
    cage = Cage(cpu=_COMPUTING)
    async with process.child(argv, cwd=workdir, max_file=most_bytes(draft), cage=cage) as running:
        async for line in running.lines(_STALLED):
            key, _, value = line.partition("=")
            if key == "out_time_us" and value.isdigit():
                done = int(value) // 1000
                report(Progress(min(done, total) if total else done, total, note, playing=True))
        code = await running.wait()
    expect_room(running.err_tail)
    if code:
        raise UserError(f"ffmpeg could not do that to {draft.source.name}: {complaint(running.err_tail)}")


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
