"""Keeps one or more ranges of a video or a song: from key frame to key frame, or to the frame when asked."""

import re
from dataclasses import replace

from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.names import quoted
from medusa.steps import Step, Wish
from medusa.steps.draft import Draft, Range

MOST_RANGES = 50
_EVEN = "crop=trunc(iw/2)*2:trunc(ih/2)*2"
"""H.264 as players expect it has even sides."""
_TIME = r"(?:(?:\d{1,3}:)?\d{1,3}:)?\d{1,6}(?:\.\d{1,3})?"
_RANGE = re.compile(rf"({_TIME})?\s*[-–—]\s*({_TIME})?")


def read_ranges(text: str) -> str:
    """Ranges such as ``1:20-2:05 10:00-`` as they are kept: ``80-125 600-``. Raises UserError."""
    words = [word for word in re.split(r"[\s,]+", text) if word]
    if not words:
        raise UserError("From when to when? For instance: 1:20-2:05, or 10:00- for all from there on.")
    if len(words) > MOST_RANGES:
        raise UserError(f"That are {len(words)} ranges; keep at most {MOST_RANGES}.")
    return " ".join(_written(_range(word)) for word in words)


def ranges_of(kept: str) -> tuple[Range, ...]:
    """The ranges that `read_ranges` has written."""
    found = (word.partition("-") for word in kept.split())
    return tuple((float(start), float(end) if end else None) for start, _, end in found)


def _range(word: str) -> Range:
    found = _RANGE.fullmatch(word)
    if found is None or not any(found.groups()):
        raise UserError(f"{quoted(word)} is no range. Ranges look like 1:20-2:05, 90-120.5 or 10:00-.")
    start, end = _seconds(found[1] or "0"), _seconds(found[2]) if found[2] else None
    if end is not None and end <= start:
        raise UserError(f"{quoted(word)} ends before it begins.")
    return start, end


def _seconds(text: str) -> float:
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    return total


def _written(one: Range) -> str:
    start, end = one
    return f"{start:g}-{'' if end is None else f'{end:g}'}"


def _wants(file: LocalFile, order: Order) -> bool:
    return "trim" in order.edits and file.media is not None


def _draft(draft: Draft, order: Order) -> Draft:
    ranges = ranges_of(order.edits["trim"])
    length = draft.media.duration
    if length is not None and any(start >= length for start, _ in ranges):
        raise UserError(f"{draft.source.name} is over after {length:.1f} s, so there is nothing to keep from then on.")
    return keeping(draft, ranges, order).saying("trimmed")


def keeping(draft: Draft, ranges: tuple[Range, ...], order: Order) -> Draft:
    """The draft that keeps only these ranges, of as much as it kept before.

    Pictures are encoded anew where the order wants the very frames. FLAC is, too, since it counts its samples from the
    beginning; nothing of it is lost.
    """
    video, audio = draft.video, draft.audio
    if "exact" in order.edits and draft.has_video and not video.encodes:
        video = replace(video, codec="h264").through(_EVEN)
    if not draft.has_video and draft.media.audio_codec == "flac" and not audio.encodes:
        audio = replace(audio, codec="flac")
    return replace(draft, ranges=ranges, exact="exact" in order.edits, video=video, audio=audio)


STEP = Step(
    name="trim",
    stage=30,
    wants=_wants,
    draft=_draft,
    example="film.mp4",
    wishes=(
        Wish(
            "trim",
            "keep only this, several ranges joined",
            "ranges such as 1:20-2:05",
            many=True,
            read=read_ranges,
            example="0:01-0:02",
        ),
        Wish("exact", "trim to the frame, which encodes anew"),
    ),
)
