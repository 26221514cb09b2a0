"""Which items of a playlist are meant."""

import re

from medusa.errors import UserError

MOST = 500
"""Items of a playlist that one command fetches."""
RANGE = r"(?:\d{1,6}|\d{0,6}[-:]\d{0,6})(?:,(?:\d{1,6}|\d{0,6}[-:]\d{0,6}))*"
"""How numbers of items are written: ``1-20``, ``5,7-9``, ``:10``, ``30:``."""


def items(text: str) -> str:
    """Numbers of items as yt-dlp writes them, at most so many as one command fetches; all when ``text`` is empty.

    Raises UserError for what names none.
    """
    kept, room = [], MOST
    for part in (text or ":").split(","):
        first, last = _bounds(part)
        last = min(last, first + room - 1)
        if last >= first:
            kept.append(f"{first}:{last}")
            room -= last - first + 1
    return ",".join(kept)


def wanted(text: str, count: int | None) -> int | None:
    """How many items of a playlist with ``count`` are meant; None while that is unknown."""
    spans = [_bounds(part) for part in (text or ":").split(",")]
    if count is None:
        return None
    return len({number for first, last in spans for number in range(first, min(last, count) + 1)})


def _bounds(part: str) -> tuple[int, int]:
    first, dash, last = re.sub("[-–]", ":", part).partition(":")
    begin, end = int(first or 1), int(last or 999_999) if dash else int(first or 0)
    if not 1 <= begin <= end:
        raise UserError(f"“{part}” names no items of a playlist. They are written 1-20, 5,7-9, :10 or 30:")
    return begin, end
