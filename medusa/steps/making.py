"""Has ffmpeg make what a draft says, and looks at what came of it."""

import asyncio
import re
import signal
from dataclasses import replace
from pathlib import Path

from medusa import process
from medusa.errors import Broken, UserError
from medusa.model import LocalFile, Media, Progress, Report
from medusa.names import safe_file_name
from medusa.steps.draft import TURNS, Draft, Track
from medusa.steps.encoders import CODECS, Encoder, cage_of, encoder_for, has_filters, pass_over, thrifty
from medusa.steps.ffmpeg import command, expect_room, further_input, look, target
from medusa.steps.probe import named
from medusa.steps.turning import turn
from medusa.tools import Tools

_STALLED = 600.0
"""Seconds without a word from ffmpeg after which it hangs; moving a big file's index to the front takes a while."""
_COMPUTING = 24 * 3600
"""Seconds of one processor; a film that is encoded on a small machine takes many hours."""
_SLACK = 64 * 1024 * 1024
_USUAL = {"v": "h264", "a": "aac"}
"""What is encoded to unless said."""
_USUAL_SIZE = (1920, 1080)
"""Of pictures whose size is unknown."""
_EVEN = "crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0"
"""Most encoders take no odd sides."""
_TONES = (
    "zscale=t=linear:npl=100",
    "format=gbrpf32le",
    "zscale=p=bt709",
    "tonemap=hable:desat=0",
    "zscale=t=bt709:m=bt709:r=tv",
    "format=yuv420p",
)
"""The filters that bring pictures for bright displays to what all displays show."""
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
    draft = _turned(draft)
    await _made(draft, made, ffmpeg, workdir, report)
    while draft.again is not None and (other := draft.again(draft, made.stat().st_size)) is not None:
        draft = other
        await _made(draft, made, ffmpeg, workdir, report)
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
    return named(
        replace(
            source, path=made, name=name, media=kept, title=title, shape=draft.shape, fixed=bool(draft.ending), size=0
        )
    )


def _turned(draft: Draft) -> Draft:
    """The draft whose pictures are turned by filters, unless the container's word is enough."""
    track = draft.video
    if not track.turn or (draft.container == "mp4" and not track.encodes):
        return draft
    return replace(draft, video=replace(track, turn=0, filters=(*TURNS[track.turn], *track.filters)))


async def _made(draft: Draft, made: Path, ffmpeg: Path, workdir: Path, report: Report) -> None:
    """Run ffmpeg, and once more in software where hardware fails, or without subtitles that MP4 cannot hold."""
    encoder = await _encoder(draft.video, "v", ffmpeg, workdir) if draft.has_video else None
    try:
        argv = await arguments(draft, ffmpeg, workdir, made)
        await run_ffmpeg(argv, draft, workdir, report, encoder)
    except (UserError, Broken) as error:
        if encoder is not None and encoder.devices:
            pass_over(encoder)
            report(Progress(note=f"{encoder.name} failed: encoding in software"))
        elif _keeps_subtitles(draft) and "ubtitle" in error.user_text:
            draft = replace(draft, subtitles=False)
            report(Progress(note="the subtitles are pictures, which MP4 cannot hold: made without them"))
        else:
            raise
        await _made(draft, made, ffmpeg, workdir, report)
        return
    if draft.video.turn:
        await asyncio.to_thread(turn, made, draft.video.turn)


def _done(draft: Draft) -> str:
    return ", ".join(draft.said) or "made"


def _stem(name: str) -> str:
    return re.sub(r"\.[A-Za-z0-9]{1,10}\Z", "", name)


async def arguments(draft: Draft, ffmpeg: Path, workdir: Path, made: Path) -> list[str]:
    """The command line that makes ``made`` of a draft. Raises UserError where an encoder is missing."""
    argv = command(ffmpeg, draft.source.path, *_seeking(draft))
    for path in draft.inputs:
        argv += further_input(path)
    argv += ["-map", "0:V:0"] if draft.has_video else []
    argv += ["-map", "0:a?"] if draft.has_audio else []
    argv += ["-map", "0:s?"] if _keeps_subtitles(draft) else []
    for one in draft.maps:
        argv += ["-map", one]
    argv += await _track(draft, "v", ffmpeg, workdir) if draft.has_video else []
    argv += await _track(draft, "a", ffmpeg, workdir) if draft.has_audio else []
    argv += ["-c:s", "mov_text" if draft.container == "mp4" else "copy"] if _keeps_subtitles(draft) else []
    argv += ["-tag:v", "hvc1"] if _is_hevc(draft) and draft.container == "mp4" else []
    argv += ["-dn", "-map_metadata", "0", *(["-t", f"{draft.longest:.3f}"] if draft.longest else [])]
    for key, value in draft.tags.items():
        argv += ["-metadata", f"{key}={value}"]
    muxer, *told = _MUXERS.get(draft.container, (draft.container,))
    argv += [*told, *draft.output, "-strict", "-2", "-progress", "pipe:1", "-stats_period", "0.5", "-v", "error"]
    return [*argv, "-f", muxer, target(made)]


def _seeking(draft: Draft) -> list[str]:
    if not draft.ranges:
        return []
    start, end = draft.ranges[0]
    return ["-ss", f"{start:.3f}", *(["-to", f"{end:.3f}"] if end is not None else [])]


def _keeps_subtitles(draft: Draft) -> bool:
    return draft.subtitles and draft.has_video and draft.container in ("mp4", "mkv")


def _is_hevc(draft: Draft) -> bool:
    return draft.has_video and (draft.video.codec or draft.media.video_codec) in ("hevc", "libx265")


async def _encoder(track: Track, letter: str, ffmpeg: Path, workdir: Path) -> Encoder | None:
    """What encodes the pictures or the sound; None where they are taken over. Raises UserError where it is missing."""
    if not track.encodes:
        return None
    return await encoder_for(track.codec or _USUAL[letter], ffmpeg, workdir, track.settings)


async def _track(draft: Draft, letter: str, ffmpeg: Path, workdir: Path) -> list[str]:
    """The arguments for the pictures (``v``) or the sound (``a``)."""
    track = {"v": draft.video, "a": draft.audio}[letter]
    encoder = await _encoder(track, letter, ffmpeg, workdir)
    if encoder is None:
        return [f"-c:{letter}", "copy"]
    filters = [*track.filters, *encoder.filters]
    if letter == "v":
        tones = _TONES if draft.media.hdr and await has_filters(("zscale", "tonemap"), ffmpeg, workdir) else ()
        filters = [*track.filters, *tones, _EVEN, *encoder.filters]
    chain = [f"-filter:{letter}", ",".join(filters)] if filters else []
    thrift = thrifty(encoder, draft.size or _USUAL_SIZE) if letter == "v" else ()
    return [*chain, *encoder.arguments(letter, (*track.settings, *thrift))]


def encoding(draft: Draft, encoder: Encoder | None) -> str:
    """What is encoded anew, in words."""
    if draft.has_video and draft.video.encodes:
        codec = draft.video.makes(None, _USUAL["v"]) or ""
        return f"encoding to {CODECS.get(codec, codec)}{f' with {encoder.name}' if encoder else ''}"
    if draft.has_audio and draft.audio.encodes:
        codec = draft.audio.makes(None, _USUAL["a"]) or ""
        return f"encoding the sound to {CODECS.get(codec, codec)}"
    return ""


async def run_ffmpeg(
    argv: list[str], draft: Draft, workdir: Path, report: Report, encoder: Encoder | None = None
) -> None:
    """Run a command line whose output goes to ``-progress pipe:1``, and report how much is made.

    Raises UserError in words of what ffmpeg could not do, DiskFull, and Broken when it hangs.
    """
    note = encoding(draft, encoder)
    if encoder is not None and draft.media.hdr and not any("tonemap" in word for word in argv):
        note += ", with pale colours: this ffmpeg lacks zscale and tonemap"
    total = round(draft.duration * 1000) if draft.duration else None
    report(Progress(0, total, note, playing=True))
    cage = cage_of(encoder, _COMPUTING)
    async with process.child(argv, cwd=workdir, max_file=most_bytes(draft), cage=cage) as running:
        async for line in running.lines(_STALLED):
            key, _, value = line.partition("=")
            if key == "out_time_us" and value.isdigit():
                done = int(value) // 1000
                report(Progress(min(done, total) if total else done, total, note, playing=True))
        code = await running.wait()
    expect_room(running.err_tail)
    if code == -signal.SIGXFSZ:
        raise UserError(f"{draft.source.name} became more than twice as large by that, so it was given up.")
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
