"""Splits what is too big for one post, or as the owner wishes: media into parts that play, other files anywhere."""

import asyncio
import os
import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from medusa import process
from medusa.cage import Cage
from medusa.errors import UserError
from medusa.model import LocalFile, Media, Order, Progress, Report
from medusa.names import safe_file_name
from medusa.steps import Files, Step, Wish
from medusa.steps.ffmpeg import OPEN_FILES, command, expect_room, look, target
from medusa.steps.flac import tell_length
from medusa.steps.packets import packets
from medusa.steps.splitting import Planner, Wanted, most_of_part, pieces, read_wanted, wanted
from medusa.tools import Tools

_STALLED = 600.0
"""Seconds without a word from ffmpeg after which it hangs; moving a big part's index to the front takes a while."""
_COMPUTING = 3600
"""Seconds; nothing is encoded."""
_SLACK = 16 * 1024 * 1024
_TRIES = 3
"""How often smaller parts are tried where the container took more room than was foreseen."""
_RESERVE = 256 * 1024
"""Bytes of a part that are left to the container's head, or a fiftieth of small parts."""
_TOLERANCE = 0.3
"""Seconds by which a part may seem longer than what is in it: players count from where the first sound begins."""
_STRETCH = 16 * 1024 * 1024
"""Bytes that are copied at a stretch."""
_FASTSTART = "movflags=+faststart:strict=-2"
_MUXERS = {
    "mov": ("mp4", _FASTSTART),
    "matroska": ("matroska", ""),
    "mpegts": ("mpegts", ""),
    "avi": ("avi", ""),
    "flv": ("flv", ""),
    "asf": ("asf", ""),
    "ogg": ("ogg", ""),
    "mp3": ("mp3", ""),
    "flac": ("flac", ""),
    "wav": ("wav", ""),
    "aac": ("adts", ""),
}
"""By ffmpeg's first name of a container the muxer that makes the same one, and what it is told."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What stands in a file: bytes of pictures and sound, seconds, and before which frames it is to be cut."""

    bytes: int
    seconds: float
    cuts: Sequence[int]


class _Unplayable(UserError):
    """It cannot be cut into parts that play; the text says why."""


def _wants(file: LocalFile, order: Order) -> bool:  # noqa: ARG001 - the seam
    return True


async def _run(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile | Files:
    """Leave alone what fits one post, unless the owner wants parts; what was left of an earlier run is made anew."""
    size = file.path.stat().st_size
    wish = wanted(order.edits["split"]) if "split" in order.edits else Wanted()
    if file.path.parent == OPEN_FILES or (wish.parts is None and size <= min(tools.upload_limit, wish.size or size)):
        return file
    most = most_of_part(size, wish, tools.upload_limit)
    try:
        found = await _playable(file, wish, most, workdir, tools, report)
    except _Unplayable as why:
        report(Progress(note=f"{why.user_text} It is cut into parts that have to be joined"))
        found = None
    return found or await _cut_anywhere(file, pieces(size, wish, tools.upload_limit), report)


async def _playable(
    file: LocalFile, wish: Wanted, most: int, workdir: Path, tools: Tools, report: Report
) -> Files | None:
    """Parts of at most ``most`` bytes that play; None for what is no media. Raises _Unplayable, DiskFull and Broken."""
    media, ffmpeg = file.media, tools.ffmpeg
    if media is None or ffmpeg is None:
        return None
    muxer, told = _muxer(file, media)
    budget = most - min(_RESERVE, most // 50)
    for _ in range(_TRIES):
        held = await _plan(file, media, wish, budget, ffmpeg, workdir, report)
        if not held.cuts:
            raise _Unplayable("There is no key frame at which it could be cut.")
        await _cut(file, media, (muxer, told), held, ffmpeg, workdir, report)
        made = _made(file)
        largest = max((path.stat().st_size for path in made), default=0)
        if largest <= most:
            return await _checked(file, made, held, ffmpeg, workdir, report)
        budget = budget * most // largest * 99 // 100
    raise _Unplayable("No cut between key frames makes parts that are small enough.")


def _muxer(file: LocalFile, media: Media) -> tuple[str, str]:
    known = _MUXERS.get(re.split(r"[, ]", media.container)[0])
    if known is None:
        raise _Unplayable("This kind of file cannot be cut into parts that play.")
    ending = Path(file.name).suffix.lower()
    if known[0] == "mp4" and media.video_codec is None:
        return "ipod", _FASTSTART
    if known[0] == "mp4" and ending == ".mov":
        return "mov", _FASTSTART
    return ("webm", "") if ending in (".webm", ".weba") else known


def _maps(media: Media) -> list[str]:
    pictures = ["-map", "0:V:0"] if media.video_codec else []
    return [*pictures, "-map", "0:a?", *(["-map", "0:s?"] if pictures else [])]


async def _plan(
    file: LocalFile, media: Media, wish: Wanted, most: int, ffmpeg: Path, workdir: Path, report: Report
) -> _Held:
    """Read through the file once, and choose the key frames before which it is cut. Raises _Unplayable."""
    size, frame, done, total = file.path.stat().st_size, 0, 0, 0
    planner = Planner(most, size, wish.parts or 1)
    leading = "video" if media.video_codec else "audio"
    first: float | None = None
    last = 0.0
    try:
        async with aclosing(packets(file.path, ffmpeg, workdir, _maps(media))) as found:
            async for packet in found:
                leads = packet.kind == leading and packet.stream == 0
                planner.add(packet.size, frame if leads and packet.key else None)
                frame += leads
                if planner.overlong:
                    raise _Unplayable("Between two key frames is more than a part may hold.")
                done += packet.size
                total += packet.size if packet.kind != "subtitle" else 0
                if leads and packet.begin is not None:
                    first = packet.begin if first is None else min(first, packet.begin)
                    last = max(last, packet.begin + packet.duration)
                report(Progress(min(done, size), size, "looking for key frames"))
    except UserError as error:
        raise error if isinstance(error, _Unplayable) else _Unplayable(error.user_text) from error
    return _Held(total, last - (first or 0.0), tuple(planner.cuts))


async def _cut(
    file: LocalFile,
    media: Media,
    muxer: tuple[str, str],
    held: _Held,
    ffmpeg: Path,
    workdir: Path,
    report: Report,
) -> None:
    """Have ffmpeg write all parts in one go, packet by packet. Raises _Unplayable, DiskFull and Broken."""
    for left in _made(file):
        left.unlink()
    name, told = muxer
    argv = [*command(ffmpeg, file.path, "-fflags", "+genpts"), *_maps(media), "-c", "copy"]
    argv += ["-tag:v", "hvc1"] if media.video_codec == "hevc" and name in ("mp4", "mov") else []
    argv += [
        "-f",
        "segment",
        "-segment_frames",
        ",".join(map(str, held.cuts)),
        "-segment_format",
        name,
        "-reset_timestamps",
        "1",
    ]
    argv += ["-segment_format_options", told] if told else []
    # Shifted as a whole, key frames would come before their cuts.
    argv += [
        "-avoid_negative_ts",
        "disabled",
        "-strict",
        "-2",
        "-progress",
        "pipe:1",
        "-stats_period",
        "0.5",
        "-v",
        "error",
    ]
    # The muxer reads the name as a pattern, in which the folder may not take part.
    head, _, ending = target(_part(file, 0)).replace("%", "%%").rpartition("000")
    size = file.path.stat().st_size
    seconds = round(held.seconds * 1000)
    async with process.child(
        [*argv, f"{head}%03d{ending}"], cwd=workdir, max_file=2 * size + _SLACK, cage=Cage(cpu=_COMPUTING)
    ) as running:
        async for line in running.lines(_STALLED):
            key, _, value = line.partition("=")
            if key == "out_time_us" and value.isdigit():
                report(Progress(min(int(value) // 1000, seconds), seconds, "cutting", playing=True))
        code = await running.wait()
    expect_room(running.err_tail)
    if code:
        raise _Unplayable("ffmpeg cannot cut it into parts that play.")


def _part(file: LocalFile, number: int) -> Path:
    """Where part ``number`` is written, counted from 0."""
    return file.path.with_name(f"{file.path.name}.part{number:03d}{Path(file.name).suffix.lower()}")


def _made(file: LocalFile) -> list[Path]:
    """The parts that are there, in their order."""
    named = re.compile(re.escape(f"{file.path.name}.part") + r"\d{3,}\..+")
    return sorted(path for path in file.path.parent.iterdir() if named.fullmatch(path.name))


async def _checked(
    file: LocalFile, made: Sequence[Path], held: _Held, ffmpeg: Path, workdir: Path, report: Report
) -> Files:
    """The parts as files, once it is sure that each can be played and that all of it is there. Raises _Unplayable."""
    parts: list[LocalFile] = []
    total, seconds = 0, 0.0
    for number, path in enumerate(made):
        report(Progress(number, len(made), "checking the parts"))
        size, length, whole = await _reads(path, file, ffmpeg, workdir)
        if media := file.media:
            tell_length(path, length)
            seen = (await look(path, ffmpeg, workdir)).media
            if not whole or seen is None or seen.duration is None:
                raise _Unplayable("A part of it would not play from its beginning.")
            kept = replace(seen, title=media.title, performer=media.performer)
            parts.append(_named(file, path, kept, number + 1, len(made)))
            seconds += seen.duration
        total += size
    if total != held.bytes or abs(seconds - held.seconds) > _TOLERANCE * len(made) + 0.01 * held.seconds:
        raise _Unplayable("The parts would not hold all of it.")
    return tuple(parts)


async def _reads(path: Path, file: LocalFile, ffmpeg: Path, workdir: Path) -> tuple[int, float, bool]:
    """Bytes of pictures and sound in a part, its seconds, whether a key frame comes first. Raises _Unplayable."""
    total, first, last, whole = 0, None, 0.0, None
    media = file.media
    try:
        async with aclosing(packets(path, ffmpeg, workdir, _maps(media) if media else ())) as found:
            async for packet in found:
                total += packet.size if packet.kind != "subtitle" else 0
                if packet.stream == 0 and packet.begin is not None:
                    first = packet.begin if first is None else min(first, packet.begin)
                    last = max(last, packet.begin + packet.duration)
                    whole = packet.key if whole is None else whole
    except UserError as error:
        raise _Unplayable("A part of it would not play to its end.") from error
    return total, last - (first or 0.0), bool(whole)


def _named(file: LocalFile, path: Path, media: Media | None, number: int, count: int) -> LocalFile:
    stem, ending = Path(file.name).stem, Path(file.name).suffix
    name = safe_file_name(f"{stem[:100]} (part {number} of {count})", extension=ending)
    label = f"Part {number} of {count}"
    return replace(file, path=path, name=name, media=media, thumb=None, size=0, label=label)


async def _cut_anywhere(file: LocalFile, parts: Sequence[tuple[int, int]], report: Report) -> Files:
    """Copy a file's bytes into numbered files that have to be joined to be of use. Raises OSError."""
    whole = re.sub(r"[^\w.-]+", "_", file.name).strip("_.-") or "file"  # it stands in commands that people copy
    for left in _made(file):
        left.unlink()
    made: list[LocalFile] = []
    size = sum(length for _, length in parts)
    for number, (start, length) in enumerate(parts, start=1):
        path = file.path.with_name(f"{file.path.name}.part{number:03d}.bin")
        for done in range(0, length, _STRETCH):
            await asyncio.to_thread(_copy, file.path, start + done, min(_STRETCH, length - done), path)
            report(Progress(start + done, size, "cutting"))
        label = f"Part {number} of {len(parts)}"
        if number == 1:
            label += f". To join them: cat {whole}.0* > {whole} (on Windows: copy /b {whole}.0* {whole})"
        made.append(LocalFile(path, f"{whole}.{number:03d}", "application/octet-stream", title=file.title, label=label))
    return tuple(made)


def _copy(source: Path, start: int, length: int, path: Path) -> None:
    """Append some bytes of a file to another one."""
    path.touch()
    with source.open("rb") as whole, path.open("r+b") as part:
        part.seek(0, os.SEEK_END)
        end = start + length
        while start < end:
            count = os.sendfile(part.fileno(), whole.fileno(), start, end - start)
            if not count:
                raise OSError(f"{source} ends too early")
            start += count


STEP = Step(
    name="split",
    stage=60,
    wants=_wants,
    run=_run,
    example="film.mp4",
    peeks=True,
    wishes=(
        Wish(
            "split",
            "post it in parts, which play by themselves where it is a video or a song",
            "the most a part may have, such as 1.9G, or how many parts",
            read=read_wanted,
            example="2",
        ),
    ),
)
