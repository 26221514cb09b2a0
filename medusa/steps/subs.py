"""Takes a subtitle track out of a video, as a file or to be burned in, and turns subtitle files into other kinds."""

import asyncio
import re
from pathlib import Path

from medusa import process
from medusa.errors import UserError
from medusa.model import LocalFile, Order, Progress, Report
from medusa.names import safe_file_name
from medusa.steps import Files, Step, Wish, embed
from medusa.steps.captions import KINDS, convert, extract, own_name, read_kind, read_track, text_of, text_track
from medusa.steps.tracks import Track
from medusa.tools import Tools

USE = "burn"
_SECONDS = 60.0
_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts")


def _wants(file: LocalFile, order: Order) -> bool:
    if file.media is None:
        return ("subtitle" in order.edits or "as" in order.edits) and not file.photo
    return "subtitle" in order.edits or "burn" in order.edits


async def _run(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile | Files:
    """Make a subtitle file of whatever it is; for burning in, put one beside the video, which goes on."""
    if tools.ffmpeg is None:
        raise UserError("This needs ffmpeg, which is missing on this machine.")
    report(Progress(note="reading the subtitles"))
    if file.media is None:
        return await _converted(file, order.edits.get("as", ""), tools.ffmpeg, workdir)
    if "subtitle" in order.edits:
        return await _taken(file, order, tools.ffmpeg, workdir)
    await _prepare(file, order.edits["burn"], tools.ffmpeg, workdir)
    return file


async def _converted(file: LocalFile, wished: str, ffmpeg: Path, workdir: Path) -> LocalFile:
    text, kind = await asyncio.to_thread(text_of, file)
    made = workdir / own_name("subs", file.path, wished or kind)
    await convert(text, kind, made, file.name, ffmpeg, workdir)
    return _as_file(file, made, "")


async def _taken(file: LocalFile, order: Order, ffmpeg: Path, workdir: Path) -> LocalFile:
    number, track = await text_track(file, order.edits["subtitle"], ffmpeg, workdir)
    made = workdir / own_name("subs", file.path, order.edits.get("as") or _kind_of(track))
    await extract(file, number, made, ffmpeg, workdir)
    return _as_file(file, made, "" if track.language == "und" else f".{track.language}")


def _kind_of(track: Track) -> str:
    return {"ass": "ass", "ssa": "ass", "webvtt": "vtt"}.get(track.codec, "srt")


def _as_file(source: LocalFile, made: Path, language: str) -> LocalFile:
    stem = re.sub(r"\.[A-Za-z0-9]{1,10}\Z", "", source.name)
    name = safe_file_name(stem + language, extension=made.suffix)
    return LocalFile(made, name, KINDS[made.suffix[1:]].mime)


async def _prepare(file: LocalFile, wanted: str, ffmpeg: Path, workdir: Path) -> None:
    """Leave the subtitles that are to be burned in as an ASS file in the work folder. Raises UserError."""
    if file.media is None or file.media.video_codec is None:
        raise UserError(f"There are no pictures in {file.name} to write subtitles into.")
    await _expect_libass(ffmpeg, workdir)
    made = workdir / own_name(USE, file.path, "ass")
    beside = [workdir / own_name(embed.USE, file.path, kind) for kind in KINDS]
    for path in (path for path in beside if path.is_file()):
        text = await asyncio.to_thread(path.read_text, encoding="utf-8")
        return await convert(text, path.suffix[1:], made, file.name, ffmpeg, workdir)
    number, _ = await text_track(file, wanted, ffmpeg, workdir)
    return await extract(file, number, made, ffmpeg, workdir)


async def _expect_libass(ffmpeg: Path, workdir: Path) -> None:
    done = await process.run([str(ffmpeg), "-hide_banner", "-h", "filter=ass"], cwd=workdir, timeout=_SECONDS)
    if "Unknown filter" in done.out.decode(errors="replace") + done.err:
        raise UserError("This machine's ffmpeg cannot burn subtitles in: it was built without libass.")
    if not await asyncio.to_thread(_has_fonts):
        raise UserError("There is no font on this machine to write with: sudo apt install fonts-dejavu-core")


def _has_fonts() -> bool:
    return any(True for folder in _FONTS for _ in Path(folder).rglob("*.[to]t[fc]"))


STEP = Step(
    name="subs",
    stage=29,
    wants=_wants,
    run=_run,
    example="film.mkv",
    wishes=(
        Wish(
            "subtitle",
            "post a subtitle track as a file in place of the video",
            "a language such as en, or a number",
            like=r"\d{1,3}|[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})?",
            read=read_track,
            example="en",
        ),
        Wish("as", "the kind of subtitle file", "srt, vtt or ass", read=read_kind, example="vtt"),
    ),
)
