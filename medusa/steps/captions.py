"""Reads subtitle files of strangers, whatever their encoding, and has ffmpeg take tracks out of videos."""

import codecs
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medusa import process
from medusa.errors import UserError
from medusa.model import LocalFile
from medusa.names import quoted
from medusa.steps.draft import TEXTS
from medusa.steps.ffmpeg import command, expect_room, look, own_input, target
from medusa.steps.tracks import Track

MOST_BYTES = 10 * 1024 * 1024
"""Of a subtitle file; those of films have a hundredth of it."""
_MADE = 64 * 1024 * 1024
_SECONDS = 3600.0
_SAMPLE = 64 * 1024
"""Bytes from which an encoding is told."""
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_USUAL = "cp1252"
"""The encoding of what nothing tells: that of western Europe."""
_LIKELY = [_USUAL, "cp1251", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "gb18030", "shift_jis"]
_LIKELY += ["big5", "cp949"]
"""Those that subtitles are written in, the likelier first."""
_TIMES = re.compile(r"^\s*(?:\d+:)?\d{1,2}:\d{1,2}[,.]\d{1,3}\s*-->", re.MULTILINE)
_NUMBER = re.compile(r"[1-9]\d{0,2}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})?")
_LONG = {
    "ar": "ara", "bg": "bul", "cs": "ces cze", "da": "dan", "de": "deu ger", "el": "ell gre", "en": "eng",
    "es": "spa", "et": "est", "fa": "fas per", "fi": "fin", "fr": "fra fre", "he": "heb", "hi": "hin", "hr": "hrv",
    "hu": "hun", "id": "ind", "it": "ita", "ja": "jpn", "ko": "kor", "lt": "lit", "lv": "lav", "nl": "nld dut",
    "no": "nor nob", "pl": "pol", "pt": "por", "ro": "ron rum", "ru": "rus", "sk": "slk slo", "sl": "slv",
    "sr": "srp", "sv": "swe", "th": "tha", "tr": "tur", "uk": "ukr", "vi": "vie", "zh": "zho chi",
}  # fmt: skip
"""The longer codes by which containers name languages (ISO 639-2)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of subtitle file: ffmpeg's names of its encoder and its format, and the type."""

    encoder: str
    format: str
    mime: str


KINDS = {
    "srt": Kind("srt", "srt", "application/x-subrip"),
    "vtt": Kind("webvtt", "webvtt", "text/vtt"),
    "ass": Kind("ass", "ass", "text/x-ssa"),
}
"""By the extension of their names."""


def read_track(text: str) -> str:
    """A subtitle track as it is named by its language or number, empty for the usual one. Raises UserError."""
    word = text.strip().lower()
    if word in ("", "on"):
        return ""
    if not _NUMBER.fullmatch(word) and not _LANGUAGE.fullmatch(word):
        raise UserError(f"{quoted(text)} is no subtitle track. Name a language such as en, or its number in the list.")
    return word


def read_kind(text: str) -> str:
    """A kind of subtitle file. Raises UserError."""
    word = text.strip().lower().removeprefix(".")
    if word not in KINDS:
        raise UserError(f"{quoted(text)} is no kind of subtitle file; there are {', '.join(KINDS)}.")
    return word


def own_name(use: str, source: Path, kind: str) -> str:
    """What a subtitle file that belongs to ``source`` is called in the work folder, safe in any list of filters."""
    return f"{use}-{zlib.crc32(source.name.encode()):08x}.{kind}"


def text_of(file: LocalFile) -> tuple[str, str]:
    """The text of a subtitle file, and its kind; blocks for a moment. Raises UserError when it is none."""
    if file.path.stat().st_size > MOST_BYTES:
        raise UserError(f"{file.name} is too big to be subtitles: more than {MOST_BYTES / 1e6:.0f} MB.")
    text = decoded(file.path.read_bytes())
    kind = kind_of(text or "")
    if text is None or not kind:
        raise UserError(f"{file.name} is no subtitle file: there is no SRT, WebVTT or ASS in it.")
    return text, kind


def decoded(data: bytes) -> str | None:
    """The text that some bytes are, without carriage returns; None when they are none."""
    marked = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "")
    if not marked and b"\0" in data:
        return None
    try:
        text = data.decode(marked or "utf-8")
    except UnicodeDecodeError:
        text = data.decode(marked or _guessed(data), errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _guessed(data: bytes) -> str:
    """The encoding that a sample, cut between lines, looks like."""
    from charset_normalizer import from_bytes

    sample = data[:_SAMPLE]
    sample = sample[: sample.rfind(b"\n") + 1] or sample
    found = from_bytes(sample, cp_isolation=_LIKELY)
    best = found.best()
    equal = [one.encoding for one in found if best and (one.chaos, one.coherence) == (best.chaos, best.coherence)]
    return min(equal, key=_LIKELY.index, default=_USUAL)


def kind_of(text: str) -> str:
    """The kind that a text is written in, whatever its file is called; empty when it holds no subtitles."""
    if text.lstrip().startswith("WEBVTT"):
        return "vtt"
    if re.search(r"^\[Script Info\]", text, re.MULTILINE | re.IGNORECASE):
        return "ass"
    return "srt" if _TIMES.search(text) else ""


def chosen(tracks: Sequence[Track], wanted: str, name: str) -> tuple[int, Track]:
    """The track that is meant, and its number among the subtitles from 0 on. Raises UserError that lists them."""
    numbered = list(enumerate(track for track in tracks if track.kind == "Subtitle"))
    if not numbered:
        raise UserError(f"There are no subtitles in {name}.")
    if not wanted:
        usual = [one for one in numbered if "(default)" in one[1].rest]
        return (usual or numbered)[0]
    meant = [one for one in numbered if str(one[0] + 1) == wanted or one[1].language.lower() in _names(wanted)]
    if not meant:
        raise UserError(f"{name} has no subtitles {wanted}; there are {', '.join(listed(tracks))}.")
    return meant[0]


def _names(wanted: str) -> set[str]:
    short = wanted.partition("-")[0]
    return {wanted, short, *_LONG.get(short, "").split()}


def listed(tracks: Sequence[Track]) -> list[str]:
    """What is told of each subtitle track."""
    found = [track for track in tracks if track.kind == "Subtitle"]
    return [f"{number} {_told(track)}" for number, track in enumerate(found, start=1)]


def _told(track: Track) -> str:
    usual = ", default" if "(default)" in track.rest else ""
    return f"{track.language} ({track.codec}{'' if track.codec in TEXTS else ', pictures'}{usual})"


async def text_track(file: LocalFile, wanted: str, ffmpeg: Path, workdir: Path) -> tuple[int, Track]:
    """The track of text that is meant. Raises UserError, also where it is made of pictures."""
    seen = await look(file.path, ffmpeg, workdir, file.name)
    number, track = chosen(seen.tracks, wanted, file.name)
    if track.codec not in TEXTS:
        raise UserError(f"Subtitles {number + 1} of {file.name} are pictures ({track.codec}), not text.")
    return number, track


async def extract(file: LocalFile, number: int, made: Path, ffmpeg: Path, workdir: Path) -> None:
    """Write the subtitle track of this number as the kind of file that ``made`` ends in."""
    await _write([*command(ffmpeg, file.path), "-map", f"0:s:{number}"], made, file.name, workdir)


async def convert(text: str, kind: str, made: Path, name: str, ffmpeg: Path, workdir: Path) -> None:
    """Write subtitles of one kind as that which ``made`` ends in, in UTF-8. Raises UserError that names the file."""
    source = made.with_name(f"from-{made.stem}.{kind}")
    source.write_text(text, encoding="utf-8", newline="\n")
    argv = [str(ffmpeg), "-nostdin", "-hide_banner", "-y", *own_input(source), "-map", "0:s:0"]
    await _write(argv, made, name, workdir)
    source.unlink()


async def _write(argv: list[str], made: Path, name: str, workdir: Path) -> None:
    kind = KINDS[made.suffix[1:]]
    argv = [*argv, "-map_metadata", "-1", "-c:s", kind.encoder, "-v", "error", "-f", kind.format, target(made)]
    done = await process.run(argv, cwd=workdir, timeout=_SECONDS, max_file=_MADE)
    expect_room(done.err)
    if done.code or not holds_any(made):
        raise UserError(f"The subtitles of {name} are empty, or cannot be read.")


def holds_any(made: Path) -> bool:
    """Whether a subtitle file that ffmpeg has written holds at least one line to show."""
    if not made.is_file():
        return False
    with made.open(encoding="utf-8", errors="replace") as file:
        return any("-->" in line or line.startswith("Dialogue:") for line in file)
