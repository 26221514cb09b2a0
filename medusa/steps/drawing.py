"""Writes texts and shapes as Advanced SubStation Alpha, which ffmpeg draws over a picture.

See https://github.com/libass/libass/wiki/ASS-File-Format-Guide; libass finds other fonts for what ours do not have.
"""

import shutil
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from medusa.names import display_name

_FONTS = Path(__file__).parents[1] / "fonts"
_HEAD = """[Script Info]
ScriptType: v4.00+
PlayResX: {width}
PlayResY: {height}
WrapStyle: 2
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, \
MarginV
Style: plain,DejaVu Sans,{plain},&H00FFFFFF,0,1,0,0,7,0,0,0
Style: bold,DejaVu Sans,{bold},&H00FFFFFF,-1,1,0,0,7,0,0,0

[Events]
Format: Layer, Start, End, Style, MarginL, MarginR, MarginV, Text
"""


def script(width: int, height: int, events: Iterable[str], *, letters: tuple[int, int]) -> str:
    """The text of a file that draws ``events`` over a picture; ``letters`` are the sizes of plain and of bold ones.

    An event begins with its style, ``plain`` or ``bold``, and four more fields; left and top are what positions name.
    """
    lines = [f"Dialogue: 0,0:00:00.00,9:00:00.00,{event}" for event in events]
    head = _HEAD.format(width=width, height=height, plain=letters[0], bold=letters[1])
    return head + "\n".join(lines) + "\n"


def rounded(wide: int, high: int, radius: int) -> str:
    """A rectangle with round corners as a drawing; the corners are cubic curves."""
    r = min(radius, wide // 2, high // 2)
    return (
        f"m {r} 0 l {wide - r} 0 b {wide} 0 {wide} 0 {wide} {r} l {wide} {high - r} "
        f"b {wide} {high} {wide} {high} {wide - r} {high} l {r} {high} b 0 {high} 0 {high} 0 {high - r} "
        f"l 0 {r} b 0 0 0 0 {r} 0"
    )


def ink(rgb: str) -> str:
    """A colour in the order of this format: blue, green, red."""
    return f"&H{rgb[4:]}{rgb[2:4]}{rgb[:2]}&"


def plain(text: str) -> str:
    """A text of which nothing is taken for a command of the format."""
    return display_name(text).translate({ord("{"): "(", ord("}"): ")", ord("\\"): "/"})


def fitting(text: str, most: float) -> str:
    """A text cut to about so many letters; wide ones count for more."""
    line, used = "", 0.0
    for letter in display_name(text):
        used += 1.75 if unicodedata.east_asian_width(letter) in "WF" else 1.15 if letter.isupper() else 1.0
        if used > most:
            return line.rstrip() + "…"
        line += letter
    return line


def lay_fonts(folder: Path) -> None:
    """Copy the fonts below a folder, as ``fonts``: whatever draws may read nothing outside of it."""
    shutil.copytree(_FONTS, folder / "fonts", dirs_exist_ok=True, ignore=shutil.ignore_patterns("LICENSE"))
