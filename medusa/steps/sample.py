"""Keeps a clip from the middle of a video or a song, to show what it is like."""

import re

from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.names import quoted
from medusa.steps import Step, Wish
from medusa.steps.draft import Draft, Range
from medusa.steps.trim import keeping

_SECONDS = 30.0
_SHARE = 0.1
"""How long a clip is unless said otherwise: so many seconds, or such a share of the whole if that is less."""
_MOST = 3600
_LIKE = r"\d{1,4}(?:\.\d{1,3})?\s*(?:s|sec|seconds)?"


def read_length(text: str) -> str:
    """Seconds as they are kept; nothing stands for the usual length. Raises UserError."""
    word = text.strip()
    if not word:
        return ""
    found = re.fullmatch(_LIKE, word, re.IGNORECASE)
    seconds = float(re.sub(r"[^\d.]", "", word)) if found else 0.0
    if not 0 < seconds <= _MOST:
        raise UserError(f"A sample takes more than 0 and up to {_MOST} seconds, not {quoted(word)}.")
    return f"{seconds:g}"


def middle(length: float, seconds: float | None) -> Range:
    """The range of ``seconds`` in the middle of ``length``."""
    lasting = min(length, seconds or min(_SECONDS, length * _SHARE))
    start = (length - lasting) / 2
    return start, start + lasting


def within(ranges: tuple[Range, ...], part: Range) -> tuple[Range, ...]:
    """What of a file is kept where only ``part`` is taken of its ``ranges`` joined together."""
    found, passed = [], 0.0
    start, end = part
    for first, last in ranges:
        left, right = first + max(0.0, start - passed), min(last or first, first + (end or 0.0) - passed)
        if left < right:
            found.append((left, right))
        passed += (last or first) - first
    return tuple(found)


def _wants(file: LocalFile, order: Order) -> bool:
    return "sample" in order.edits and file.media is not None


def _draft(draft: Draft, order: Order) -> Draft:
    length, whole = draft.duration, draft.media.duration
    if not length or whole is None:
        raise UserError(f"Nobody knows how long {draft.source.name} is, so it has no middle. /trim takes ranges of it.")
    wish = order.edits["sample"]
    known = tuple((start, min(whole, end or whole)) for start, end in draft.ranges) or ((0.0, whole),)
    return keeping(draft, within(known, middle(length, float(wish) if wish else None)), order).saying("sampled")


STEP = Step(
    name="sample",
    stage=31,
    wants=_wants,
    draft=_draft,
    example="film.mp4",
    wishes=(
        Wish(
            "sample",
            "keep only a clip from the middle",
            "its seconds, 30 or a tenth of all when not given",
            like=_LIKE,
            read=read_length,
            example="2",
        ),
    ),
)
