"""Designs a contact sheet: where its frames stand, and what is written over them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from medusa.steps.drawing import fitting, ink, plain, rounded, script

WIDTH = 1280
"""Pixels; as wide as photos are that chats show."""
_HIGHEST = 6000
"""Pixels; Telegram takes photos whose width and height are 10,000 together."""
_MARGIN, _GAP, _HEADER, _FOOT = 36, 14, 212, 36
_TALLEST, _WIDEST = 9 / 16, 2.4
"""The shapes of cells; frames beyond stand within one."""
_ROUND = 14
_STAMP = 34
_SMALLEST_STAMP = 22
_BACKGROUND, _WHITE, _GREY, _ACCENT = "12161C", "FFFFFF", "A9B4C2", "3FC1C9"
_LETTERS = 44
"""How many letters of the title have room."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A sheet of ``columns`` and ``rows`` of cells of the same size in pixels."""

    columns: int
    rows: int
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole sheet."""
        return WIDTH, _even(_HEADER + self.rows * (self.height + _GAP) - _GAP + _FOOT)

    @property
    def left(self) -> int:
        """Where the first column begins."""
        return (WIDTH - self.columns * (self.width + _GAP) + _GAP) // 2

    def place(self, number: int) -> tuple[int, int]:
        """The left upper corner of a cell."""
        row, column = divmod(number, self.columns)
        return self.left + column * (self.width + _GAP), _HEADER + row * (self.height + _GAP)


def grid_of(columns: int, rows: int, width: int, height: int) -> Grid:
    """The grid for frames of a video that is shown with this width and height."""
    shape = min(_WIDEST, max(_TALLEST, width / height))
    across = (WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) / columns
    down = (_HIGHEST - _HEADER - _FOOT - (rows - 1) * _GAP) / rows
    across = min(across, down * shape)
    return Grid(columns, rows, _even(across), _even(across / shape))


def _even(length: float) -> int:
    return int(length) // 2 * 2


def frame_filter(grid: Grid, width: int, height: int) -> str:
    """The filters that make one cell of a frame which is shown with this width and height."""
    factor = min(grid.width / width, grid.height / height)
    across = min(grid.width, max(2, _even(width * factor + 1)))
    down = min(grid.height, max(2, _even(height * factor + 1)))
    box = f"{grid.width}:{grid.height}:(ow-iw)/2:(oh-ih)/2:color=0x0A0D11"
    return f"scale={across}:{down}:flags=bicubic,setsar=1,format=yuv444p,pad={box}"


def sheet_filter(grid: Grid, count: int, words: str) -> str:
    """The filters that put ``count`` inputs of one cell each together; ``words`` is a plain path, beside ``fonts``."""
    inputs = "".join(f"[{number}:v:0]" for number in range(count))
    tiles = f"tile={grid.columns}x{grid.rows}:nb_frames={count}:padding={_GAP}:color=0x{_BACKGROUND}"
    width, height = grid.size
    canvas = f"pad={width}:{height}:{grid.left}:{_HEADER}:color=0x{_BACKGROUND}"
    joined = f"{inputs}concat=n={count}:v=1:a=0," if count > 1 else "[0:v:0]"
    return f"{joined}{tiles},{canvas},ass=filename={words}:fontsdir=fonts[sheet]"


def written(grid: Grid, title: str, facts: Sequence[str], stamps: Sequence[str]) -> str:
    """All that is written and drawn on a sheet, as the text of a file (see `medusa.steps.drawing`).

    ``facts`` are the lines below the title, ``stamps`` the times of the frames.
    """
    width, height = grid.size
    events = [
        *_header(grid, title, facts),
        *(one for number, stamp in enumerate(stamps) for one in _cell(grid, number, stamp)),
    ]
    return script(width, height, events, letters=(38, 54))


def _header(grid: Grid, title: str, facts: Sequence[str]) -> Iterator[str]:
    edge = min(grid.left, _MARGIN + 4)
    beam = rounded(8, _HEADER - 72, 4)
    yield f"plain,0,0,0,{{\\pos({edge},36)\\1c{ink(_ACCENT)}\\p1}}{beam}"
    left, right = edge + 30, WIDTH - edge
    clip = f"\\clip({left},0,{right},{_HEADER})"
    yield f"bold,0,0,0,{{\\pos({left},26){clip}}}{plain(fitting(title, _LETTERS))}"
    for number, line in enumerate(facts):
        yield f"plain,0,0,0,{{\\pos({left},{92 + number * 46}){clip}\\1c{ink(_GREY)}}}{plain(line)}"


def _cell(grid: Grid, number: int, stamp: str) -> Iterator[str]:
    """Round the corners of a cell, and write its time into one."""
    left, top = grid.place(number)
    corners = _corners(grid.width, grid.height, _ROUND)
    yield f"plain,0,0,0,{{\\pos({left},{top})\\1c{ink(_BACKGROUND)}\\p1}}{corners}"
    letters = max(_SMALLEST_STAMP, min(_STAMP, grid.width // 9))
    wide, high = round(len(stamp) * letters * 0.56 + letters * 0.7), round(letters * 1.25)
    x, y = left + grid.width - wide - 10, top + grid.height - high - 10
    box = rounded(wide, high, high // 3)
    yield f"plain,0,0,0,{{\\pos({x},{y})\\1c&H000000&\\1a&H58&\\p1}}{box}"
    yield f"bold,0,0,0,{{\\an5\\pos({x + wide / 2:g},{y + high / 2:g})\\fs{letters}}}{stamp}"


def _corners(width: int, height: int, r: int) -> str:
    """What has to be covered of a rectangle for its corners to be round."""
    w, h = width, height
    return (
        f"m 0 0 l {r} 0 b 0 0 0 0 0 {r} m {w} 0 l {w} {r} b {w} 0 {w} 0 {w - r} 0 "
        f"m {w} {h} l {w - r} {h} b {w} {h} {w} {h} {w} {h - r} m 0 {h} l 0 {h - r} b 0 {h} 0 {h} {r} {h}"
    )
