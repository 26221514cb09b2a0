"""Makes pictures of a video: one contact sheet, or single screenshots that are posted as an album."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from medusa import process
from medusa.errors import UserError
from medusa.model import LocalFile, Media, Order, Progress, Report
from medusa.names import quoted, safe_file_name
from medusa.steps import Files, Step, Wish
from medusa.steps.drawing import lay_fonts
from medusa.steps.ffmpeg import command, expect_room, further_input, target
from medusa.steps.making import complaint
from medusa.steps.playing import codec_words, spoken
from medusa.steps.sheet import Grid, frame_filter, grid_of, sheet_filter, written
from medusa.tools import Tools
from medusa.words import bits, playing_time, size

MOST_COLUMNS, MOST_ROWS, MOST_SHOTS = 6, 10, 20
_GRID = re.compile(r"(\d{1,3})\s*[x×*]\s*(\d{1,3})", re.IGNORECASE | re.ASCII)
_LONGEST = 2560
"""Pixels of a screenshot's longer side; chats show photos no larger."""
_SECONDS = 300.0
"""Seconds for one frame: of large pictures, all from the key frame on have to be decoded."""


def read_shots(text: str) -> str:
    """What is to be made: ``3x3`` for a sheet, ``6`` for so many pictures. Raises UserError."""
    word = text.strip()
    if found := _GRID.fullmatch(word):
        columns, rows = int(found[1]), int(found[2])
        if not (1 <= columns <= MOST_COLUMNS and 1 <= rows <= MOST_ROWS):
            raise UserError(f"A sheet has 1 to {MOST_COLUMNS} columns and 1 to {MOST_ROWS} rows, such as 3x3 or 4x6.")
        return f"{columns}x{rows}"
    if not re.fullmatch(r"\d{1,6}", word, re.ASCII):
        raise UserError(f"{quoted(text)} says neither a sheet such as 3x3 nor a number of screenshots such as 6.")
    if not 1 <= int(word) <= MOST_SHOTS:
        raise UserError(f"Ask for 1 to {MOST_SHOTS} screenshots, or for a sheet such as 4x6.")
    return str(int(word))


def _wants(file: LocalFile, order: Order) -> bool:  # noqa: ARG001 - the seam
    return "shots" in order.edits


async def _run(
    file: LocalFile,
    order: Order,
    workdir: Path,  # noqa: ARG001 - the seam
    tools: Tools,
    report: Report,
) -> LocalFile | Files:
    media, ffmpeg = file.media, tools.ffmpeg
    if ffmpeg is None:
        raise UserError("This needs ffmpeg, which is missing on this machine.")
    if media is None or media.video_codec is None or not (media.width and media.height):
        raise UserError(f"{file.name} is no video, so there are no pictures to take from it.")
    columns, across, rows = order.edits["shots"].partition("x")
    if not across:
        filters = _full(media.width, media.height)
        found = await _frames(file, media, int(columns), filters, ("-c:v", "mjpeg", "-q:v", "3"), ffmpeg, report)
        return tuple(_picture(file, path, f"{number}") for number, (path, _) in enumerate(found, start=1))
    grid = grid_of(int(columns), int(rows), media.width, media.height)
    filters = frame_filter(grid, media.width, media.height)
    found = await _frames(file, media, grid.columns * grid.rows, filters, ("-c:v", "ffv1"), ffmpeg, report)
    used = min(grid.columns, len(found))
    grid = replace(grid, columns=used, rows=-(-len(found) // used))
    return _picture(file, await _sheet(file, media, grid, found, ffmpeg), "contact sheet")


def _full(width: int, height: int) -> str:
    """The filters for a picture as it is shown, in a size that chats show."""
    factor = min(1.0, _LONGEST / max(width, height))
    return f"scale={max(2, round(width * factor))}:{max(2, round(height * factor))},setsar=1,format=yuvj420p"


async def _frames(
    file: LocalFile, media: Media, count: int, filters: str, output: Sequence[str], ffmpeg: Path, report: Report
) -> list[tuple[Path, float]]:
    """Write frames from all over the video, each a file of its own, with the seconds at which they stand.

    A video that is shorter than it says, or has fewer frames, yields fewer; one that yields none raises UserError.
    """
    if media.duration is None:
        raise UserError(f"{file.name} does not tell how long it is; /remux it, and then take pictures from that.")
    found: list[tuple[Path, float]] = []
    for number in range(count):
        report(Progress(note=f"picture {number + 1} of {count}"))
        at = media.duration * (number + 0.5) / count
        made = file.path.with_name(f"{file.path.stem}.shot{number:02}{'.mkv' if 'ffv1' in output else '.jpg'}")
        if await _frame(ffmpeg, file.path, at, filters, output, made):
            found.append((made, at))
    if not found:  # a single frame at the very beginning
        made = file.path.with_name(f"{file.path.stem}.shot{'.mkv' if 'ffv1' in output else '.jpg'}")
        if not await _frame(ffmpeg, file.path, 0.0, filters, output, made):
            raise UserError(f"No picture of {file.name} can be read: the video is damaged.")
        found.append((made, 0.0))
    return found


async def _frame(ffmpeg: Path, source: Path, at: float, filters: str, output: Sequence[str], made: Path) -> bool:
    """Write the frame of a time; whether there is one."""
    seek = ("-ss", f"{at:.3f}") if at else ()
    argv = [*command(ffmpeg, source, *seek), "-map", "0:V:0", "-frames:v", "1", "-vf", filters, "-map_metadata", "-1"]
    argv += [
        *output,
        "-v",
        "error",
        "-progress",
        "pipe:1",
        "-f",
        "matroska" if made.suffix == ".mkv" else "mjpeg",
        target(made),
    ]
    done = await process.run(argv, cwd=made.parent, timeout=_SECONDS)
    expect_room(done.err)
    return done.code == 0 and re.search(rb"^frame=[1-9]", done.out, re.MULTILINE) is not None


async def _sheet(file: LocalFile, media: Media, grid: Grid, found: Sequence[tuple[Path, float]], ffmpeg: Path) -> Path:
    """Put frames of one cell each together; what is written goes by a file, since names come from strangers."""
    folder = file.path.parent
    made, words = file.path.with_name(f"{file.path.stem}.sheet.jpg"), folder / "sheet.ass"
    text = written(grid, file.name, _facts(file, media), _stamps([at for _, at in found]))
    await asyncio.to_thread(words.write_text, text, encoding="utf-8")
    await asyncio.to_thread(lay_fonts, folder)
    first, *others = [path for path, _ in found]
    argv = command(ffmpeg, first)
    for path in others:
        argv += further_input(path)
    argv += ["-filter_complex", sheet_filter(grid, len(found), words.name), "-map", "[sheet]"]
    argv += ["-frames:v", "1", "-map_metadata", "-1", "-pix_fmt", "yuvj420p", "-q:v", "3", "-v", "error"]
    done = await process.run([*argv, "-f", "mjpeg", target(made)], cwd=folder, timeout=_SECONDS)
    expect_room(done.err)
    if done.code:
        raise UserError(f"ffmpeg could not draw the sheet of {file.name}: {complaint(done.err)}")
    return made


def _stamps(times: Sequence[float]) -> list[str]:
    """The times of frames, with tenths where they would be alike without."""
    whole = [playing_time(at) for at in times]
    if len(set(whole)) == len(whole):
        return whole
    return [f"{shown}.{int(at * 10) % 10}" for shown, at in zip(whole, times, strict=True)]


def _facts(file: LocalFile, media: Media) -> tuple[str, str]:
    """What stands below the title: the file, and how it is encoded."""
    whole = [playing_time(media.duration or 0), size(file.path.stat().st_size), f"{media.width}×{media.height}"]
    whole += [f"{media.frame_rate:g} fps"] if media.frame_rate else []
    codecs = [codec_words(media.video_codec or "", media.profile)]
    codecs += [media.hdr] if media.hdr else []
    codecs += [" ".join(one for one in (spoken(media.audio_codec), media.channels) if one)] if media.audio_codec else []
    codecs += [bits(media.bit_rate)] if media.bit_rate else []
    return "  ·  ".join(whole), "  ·  ".join(codecs)


def _picture(file: LocalFile, path: Path, called: str) -> LocalFile:
    """A picture of a video as what is to be posted."""
    stem = re.sub(r"\.[A-Za-z0-9]{1,10}\Z", "", file.name)
    name = safe_file_name(f"{stem} {called}", extension=".jpg")
    title = file.title or stem
    return LocalFile(path, name, "image/jpeg", title=title, photo=True)


STEP = Step(
    name="shots",
    stage=70,
    wants=_wants,
    run=_run,
    example="clip.mp4",
    wishes=(
        Wish(
            "shots",
            "post a contact sheet of it, or single screenshots",
            "a sheet such as 3x3, or a number",
            read=read_shots,
            example="2x2",
        ),
    ),
)
