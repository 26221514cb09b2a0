"""Makes pictures smaller, keeping their proportions; larger only when asked."""

import re

from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.names import quoted
from medusa.steps import Step, Wish
from medusa.steps.draft import Draft
from medusa.steps.frames import even, frame_of, scaled

SIDES = range(16, 8193)
_SIZE = re.compile(r"(\d{1,6})p?|(\d{1,6}) ?[x×:] ?(\d{1,6})", re.IGNORECASE)


def read_size(text: str) -> str:
    """A height such as ``720``, or a frame to fit into such as ``1280x720``, as it is kept. Raises UserError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise UserError(f"{quoted(text)} is no size. Write a height such as 720, or a frame such as 1280x720.")
    sides = [int(side) for side in found.groups() if side]
    if any(side not in SIDES for side in sides):
        raise UserError(f"{quoted(text)} is no size for pictures: sides have {SIDES[0]} to {SIDES[-1]} pixels.")
    return "x".join(map(str, sides))


def _wants(file: LocalFile, order: Order) -> bool:
    return "scale" in order.edits and file.media is not None


def _draft(draft: Draft, order: Order) -> Draft:
    width, height = frame_of(draft, "scaled")
    *wide, high = map(int, order.edits["scale"].split("x"))
    factor = min([high / height, *(side / width for side in wide)])
    draft = draft.saying("scaled")
    if factor >= 1 and "enlarge" not in order.edits:
        return draft
    return scaled(draft, even(width * factor), even(height * factor))


STEP = Step(
    name="scale",
    stage=34,
    wants=_wants,
    draft=_draft,
    example="film.mp4",
    wishes=(
        Wish(
            "scale",
            "make pictures that are larger smaller",
            "a height such as 720, or a frame to fit into such as 1280x720",
            read=read_size,
            example="180",
        ),
        Wish("enlarge", "with --scale: make smaller pictures larger, too"),
    ),
)
