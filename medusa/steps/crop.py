"""Cuts off what is at the edges of pictures, down to a frame or to proportions."""

import re

from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.names import quoted
from medusa.steps import Step, Wish
from medusa.steps.draft import Draft
from medusa.steps.frames import frame_of

_LEAST = 16
_MOST_PROPORTION = 50
"""Two numbers up to this one are proportions; no picture is that small."""
_NUMBER = r"\d{1,5}(?:\.\d{1,3})?"
_CROP = re.compile(rf"({_NUMBER})[:x×/]({_NUMBER})(?:[:+](\d{{1,5}})[:+](\d{{1,5}}))?", re.IGNORECASE)


def read_crop(text: str) -> str:
    """What is kept, such as ``640:360``, ``640:360:0:20`` or ``9:16``, as it is kept. Raises UserError."""
    found = _CROP.fullmatch(text.strip())
    if found is None:
        raise UserError(
            f"{quoted(text)} does not say what to keep: proportions such as 9:16, a frame such as 640:360, "
            "or a frame and where it begins, such as 640:360:0:20."
        )
    sides = [float(found[1]), float(found[2])]
    if not min(sides):
        raise UserError(f"{quoted(text)} would leave nothing.")
    if max(sides) > _MOST_PROPORTION and (min(sides) < _LEAST or any(side % 1 for side in sides)):
        raise UserError(f"{quoted(text)} is no frame: its sides are whole numbers of at least {_LEAST} pixels.")
    if max(sides) <= _MOST_PROPORTION and found[3]:
        raise UserError(f"{quoted(text)} is no frame: proportions such as 9:16 are kept around the middle.")
    return ":".join([f"{side:g}" for side in sides] + [part for part in found.groups()[2:] if part])


def _wants(file: LocalFile, order: Order) -> bool:
    return "crop" in order.edits and file.media is not None


def _draft(draft: Draft, order: Order) -> Draft:
    size = frame_of(draft, "cropped")
    wide, high, *place = map(float, order.edits["crop"].split(":"))
    kept = (wide, high) if max(wide, high) > _MOST_PROPORTION else _largest(size, wide / high)
    width, height = (int(side) // 2 * 2 for side in kept)
    left, top = place or ((size[0] - width) // 2, (size[1] - height) // 2)
    if width + left > size[0] or height + top > size[1] or min(left, top) < 0:
        raise UserError(f"{draft.source.name} shows {size[0]}×{size[1]} pixels, of which that can't be kept.")
    draft = draft.saying("cropped")
    if (width, height) in (size, (size[0] // 2 * 2, size[1] // 2 * 2)) and not place:
        return draft
    # What is not stored as it is shown, in pixels that are not square, is first made so.
    shown = f"scale={size[0]}:{size[1]}", "setsar=1"
    return draft.seen(width, height, *shown, f"crop={width}:{height}:{left:.0f}:{top:.0f}")


def _largest(size: tuple[int, int], proportion: float) -> tuple[float, float]:
    """The largest frame of these proportions that fits."""
    width = min(size[0], size[1] * proportion)
    # Rounded, since 640 / (16 / 9) would be a little less than 360.
    return round(width, 3), round(width / proportion, 3)


STEP = Step(
    name="crop",
    stage=32,
    wants=_wants,
    draft=_draft,
    example="film.mp4",
    wishes=(
        Wish(
            "crop",
            "keep only a part of the picture",
            "proportions such as 9:16, or WIDTH:HEIGHT[:LEFT:TOP] in pixels",
            read=read_crop,
            example="9:16",
        ),
    ),
)
