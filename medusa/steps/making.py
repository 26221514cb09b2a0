"""Has ffmpeg make what a draft says, and looks at what came of it."""

import asyncio
import re
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

from medusa import process
from medusa.errors import Broken, UserError
from medusa.model import LocalFile, Media, Progress, Report
from medusa.names import safe_file_name
from medusa.steps import cutting
from medusa.steps.arguments import USUAL, arguments, encoder_of, keeps_subtitles
from medusa.steps.cutting import Reading
from medusa.steps.draft import TURNS, Draft
from medusa.steps.encoders import CODECS, Encoder, cage_of, pass_over
from medusa.steps.ffmpeg import expect_room, look
from medusa.steps.pace import measured
from medusa.steps.probe import named
from medusa.steps.turning import turn
from medusa.tools import Tools

_STALLED = 600.0
"""Seconds without a word from ffmpeg after which it hangs; moving a big file's index to the front takes a while."""
_COMPUTING = 24 * 3600
"""Seconds of one processor; a film that is encoded on a small machine takes many hours."""
_SLACK = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Work:
    """What one run of ffmpeg is about: the file's ``name`` for complaints, and the ``most`` bytes of what it writes.

    ``seconds`` is the length of all that is made, None while unknown, of which earlier runs have made ``before``.
    ``encoder`` is what encodes the pictures, if any are.
    """

    name: str
    most: int
    seconds: float | None
    before: float = 0.0
    note: str = ""
    encoder: Encoder | None = None


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
    return _shown(draft, made, seen.media)


def _shown(draft: Draft, made: Path, media: Media) -> LocalFile:
    """What was made, as the file that goes on."""
    source, ending = draft.source, draft.container
    kept = replace(
        media,
        title=draft.tags.get("title", draft.media.title) or None,
        performer=draft.tags.get("artist", draft.media.performer) or None,
    )
    file = replace(
        source,
        path=made,
        name=safe_file_name(_stem(source.name), extension=f".{ending}"),
        media=kept,
        title=draft.tags.get("title") or source.title,
        shape=draft.shape,
        fixed=bool(draft.ending),
        size=0,
    )
    return named(file)


def _turned(draft: Draft) -> Draft:
    """The draft whose pictures are turned by filters, unless the container's word is enough."""
    track = draft.video
    if not track.turn or (draft.container == "mp4" and not track.encodes):
        return draft
    return replace(draft, video=replace(track, turn=0, filters=(*TURNS[track.turn], *track.filters)))


async def _made(draft: Draft, made: Path, ffmpeg: Path, workdir: Path, report: Report) -> None:
    """Run ffmpeg, and once more in software where hardware fails, or without the subtitles, which may not fit."""
    encoder = await encoder_of(draft, "v", ffmpeg, workdir) if draft.has_video else None
    try:
        await _written(draft, made, ffmpeg, workdir, report, encoder)
    except (UserError, Broken):
        if encoder is not None and encoder.devices:
            pass_over(encoder)
            report(Progress(note=f"{encoder.name} failed: encoding in software"))
        elif keeps_subtitles(draft) and draft.subtitles and draft.media.subtitle_codecs:
            draft = replace(draft, subtitles=False)
        else:
            raise
        await _made(draft, made, ffmpeg, workdir, report)
        return
    if draft.video.turn:
        await asyncio.to_thread(turn, made, draft.video.turn)


async def _written(
    draft: Draft, made: Path, ffmpeg: Path, workdir: Path, report: Report, encoder: Encoder | None
) -> None:
    began = time.monotonic()
    reading = await _reading(draft, ffmpeg, workdir, report)
    if reading.filtered:
        sound = draft.audio if draft.audio.encodes else replace(draft.audio, codec="aac")
        draft = replace(draft, subtitles=False, audio=sound)
    argv = await arguments(draft, ffmpeg, workdir, made, reading)
    await _run(argv, draft, workdir, report, reading.note, encoder)
    for piece in reading.pieces:
        piece.unlink()
    if draft.encodes:
        measured(draft, time.monotonic() - began)


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
        await _run(cutting.piece_arguments(draft, reading, ffmpeg, piece), draft, workdir, report, reading.note)
    lengths = [await cutting.length_of(draft, piece, ffmpeg, workdir) for piece in pieces]
    return cutting.joined(draft, pieces, lengths, "joining the ranges")


def _done(draft: Draft) -> str:
    return ", ".join(draft.said) or "made"


def _stem(name: str) -> str:
    return re.sub(r"\.[A-Za-z0-9]{1,10}\Z", "", name)


def encoding(draft: Draft, encoder: Encoder | None) -> str:
    """What is encoded anew, in words."""
    if draft.has_video and draft.video.encodes:
        codec = draft.video.makes(None, USUAL["v"]) or ""
        return f"encoding to {CODECS.get(codec, codec)}{f' with {encoder.name}' if encoder else ''}"
    if draft.has_audio and draft.audio.encodes:
        codec = draft.audio.makes(None, draft.sound) or ""
        return f"encoding the sound to {CODECS.get(codec, codec)}"
    return ""


async def _run(
    argv: list[str], draft: Draft, workdir: Path, report: Report, note: str, encoder: Encoder | None = None
) -> None:
    said = encoding(draft, encoder) or note
    if encoder is not None and draft.media.hdr and not any("tonemap" in word for word in argv):
        said += ", with pale colours: this ffmpeg lacks zscale and tonemap"
    work = Work(draft.source.name, most_bytes(draft), draft.duration, note=said, encoder=encoder)
    await run_work(argv, work, workdir, report)


async def run_work(argv: list[str], work: Work, workdir: Path, report: Report) -> None:
    """Run a command line whose output goes to ``-progress pipe:1``, and report how much is made.

    Raises UserError in words of what ffmpeg could not do, DiskFull, and Broken when it hangs.
    """
    total = round(work.seconds * 1000) if work.seconds else None
    report(Progress(round(work.before * 1000), total, work.note, playing=True))
    cage = cage_of(work.encoder, _COMPUTING)
    async with process.child(argv, cwd=workdir, max_file=work.most, cage=cage) as running:
        async for line in running.lines(_STALLED):
            key, _, value = line.partition("=")
            if key == "out_time_us" and value.isdigit():
                done = round(work.before * 1000) + int(value) // 1000
                report(Progress(min(done, total) if total else done, total, work.note, playing=True))
        code = await running.wait()
    expect_room(running.err_tail)
    if code == -signal.SIGXFSZ:
        raise UserError(f"{work.name} became more than twice as large by that, so it was given up.")
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
