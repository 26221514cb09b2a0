"""Finds out whether the tracks of media files are so much alike that one can go on where another one ends."""

import re
from dataclasses import dataclass
from pathlib import Path

from medusa import process
from medusa.steps.ffmpeg import command

_SECONDS = 60.0
_HEAD = re.compile(r"^#(?:extradata|tb|codec_id|dimensions|sar|sample_rate|channel_layout_name) .*$", re.MULTILINE)
_MAPPING = re.compile(r"^  Stream #0:(\d+) -> #0:\d+ \(copy\)", re.MULTILINE)
_PICTURE = re.compile(r"^  Stream #0:\d+\S*: Video: (.*?), \d{1,6}x\d{1,6}(.*)$", re.MULTILINE)
_FPS = re.compile(r", ([\d.]{1,9}k?) fps")
_RATE = re.compile(r"^#sample_rate \d+: (\d{1,7})$", re.MULTILINE)
_LAYOUT = re.compile(r"^#channel_layout_name \d+: (.*)$", re.MULTILINE)
_LAYOUTS = {"mono": "mono", "stereo": "stereo", "5.1": "5.1", "5.1(side)": "5.1"}


@dataclass(frozen=True, slots=True)
class Tracks:
    """The pictures and the sound of a file as a decoder needs to know them.

    Files with equal ``form`` can be copied one behind the other: codecs and their setup byte by byte, sizes, pixel
    format, time bases, sample rates and channel layouts are the same, and so are the ``numbers`` of the streams.
    ``fps`` are frames a second, ``rate`` samples a second, each None where there are none; ``layout`` is one of mono,
    stereo, 5.1, or empty for any other.
    """

    form: tuple[str, ...]
    numbers: tuple[int, ...]
    fps: float | None
    rate: int | None
    layout: str


async def tracks_of(path: Path, ffmpeg: Path, workdir: Path) -> Tracks:
    """Look at the first pictures and all the sound of a file; only its beginning is read. Raises Broken."""
    argv = [*command(ffmpeg, path), "-map", "0:V:0?", "-map", "0:a?", "-c", "copy", "-t", "0.01"]
    done = await process.run([*argv, "-v", "info", "-f", "framehash", "pipe:1"], cwd=workdir, timeout=_SECONDS)
    return read_tracks(done.out.decode(errors="replace"), done.err)


def read_tracks(head: str, told: str) -> Tracks:
    """Read ffmpeg's framehash of some packets, and what it tells of the file that they are from."""
    mapping = tuple(int(number) for number in _MAPPING.findall(told))
    picture = _PICTURE.search(told) if "#dimensions" in head else None
    form = (*_HEAD.findall(head), *map(str, mapping), picture[1] if picture else "")
    fps = _FPS.search(picture[2]) if picture else None
    rate, layout = _RATE.search(head), _LAYOUT.search(head)
    return Tracks(
        form,
        mapping,
        _number(fps[1]) if fps else None,
        int(rate[1]) if rate else None,
        _LAYOUTS.get(layout[1].strip(), "") if layout else "",
    )


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("k")) * (1000 if text.endswith("k") else 1)
    except ValueError:
        return None


def are_alike(found: list[Tracks]) -> bool:
    """Whether files can be copied one behind the other."""
    return bool(found[0].numbers) and len({one.form for one in found}) == 1
