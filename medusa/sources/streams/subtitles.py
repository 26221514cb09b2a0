"""Makes one WebVTT file of the pieces of a subtitle track, https://www.w3.org/TR/webvtt1/."""

import re
from collections.abc import Iterator
from pathlib import Path

_HEAD = re.compile(r"\ufeff?WEBVTT(?=[ \t\r\n]|\Z)")
_TIMES = re.compile(r"(?m)^((?:\d{2,6}:)?\d\d:\d\d\.\d{3})[ \t]+-->[ \t]+((?:\d{2,6}:)?\d\d:\d\d\.\d{3})")
_MAP = re.compile(
    r"(?m)^X-TIMESTAMP-MAP=(?=[^\n]{0,99}MPEGTS:(\d{1,12}))(?=[^\n]{0,99}LOCAL:((?:\d{2,6}:)?\d\d:\d\d\.\d{3}))"
)
_TICKS = 90_000
"""Of MPEG-2's clock, in a second."""
_MOST = 32 * 1024 * 1024


def join(pieces: Path, made: Path) -> bool:
    """Write the cues of all pieces, which stand one behind the other in a file, once each; False when there are none.

    A cue that lasts beyond the end of its piece stands in the next one, too (RFC 8216, section 3.5).
    """
    with pieces.open("rb") as file:
        text = file.read(_MOST).decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    cues = list(dict.fromkeys(_cues(_HEAD.split(text)[1:])))
    made.write_text("WEBVTT\n\n" + "\n\n".join(cues) + "\n", encoding="utf-8")
    return bool(cues)


def _cues(pieces: list[str]) -> Iterator[str]:
    """The cues, with times that count from the beginning of the first piece."""
    first: float | None = None
    for piece in pieces:
        shift = 0.0
        if found := _MAP.search(piece):
            shift = int(found[1]) / _TICKS - _seconds(found[2])
            first = shift if first is None else first
            shift -= first
        for block in re.split(r"\n{2,}", piece):
            if times := _TIMES.search(block):
                start, end = (_written(_seconds(time) + shift) for time in times.groups())
                yield f"{start} --> {end}{block[times.end() :]}".rstrip()


def _seconds(time: str) -> float:
    seconds = 0.0
    for part in time.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def _written(seconds: float) -> str:
    whole = max(0, round(seconds * 1000))
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
