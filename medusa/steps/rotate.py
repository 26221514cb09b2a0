"""Turns pictures, by the word of the container where that is enough, and mirrors them."""

from dataclasses import replace

from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.names import quoted
from medusa.steps import Step, Wish
from medusa.steps.draft import TURNS, Draft
from medusa.steps.frames import frame_of

_MEANT = {
    "90": "90",
    "+90": "90",
    "right": "90",
    "cw": "90",
    "180": "180",
    "-180": "180",
    "270": "270",
    "-90": "270",
    "left": "270",
    "ccw": "270",
    "mirror": "mirror",
    "flip": "flip",
}
_FILTERS = {"mirror": "hflip", "flip": "vflip"}


def read_turn(text: str) -> str:
    """How pictures are to be turned, as it is kept: ``90``, ``180``, ``270``, ``mirror`` or ``flip``; or UserError."""
    meant = _MEANT.get(text.strip().lower().removesuffix("°"))
    if meant is None:
        raise UserError(
            f"{quoted(text)} is no turn. Write 90 or right, 180, 270 or left, mirror (left for right) or flip "
            "(upside down)."
        )
    return meant


def _wants(file: LocalFile, order: Order) -> bool:
    return "rotate" in order.edits and file.media is not None


def _draft(draft: Draft, order: Order) -> Draft:
    width, height = frame_of(draft, "turned")
    draft, wish = draft.saying("turned"), order.edits["rotate"]
    if wish in _FILTERS:
        return draft.seen(width, height, _FILTERS[wish])
    size = (width, height) if wish == "180" else (height, width)
    if draft.video.encodes:
        return draft.seen(*size, *TURNS[int(wish)])
    return replace(draft, frame=size, video=replace(draft.video, turn=int(wish)))


STEP = Step(
    name="rotate",
    stage=33,
    wants=_wants,
    draft=_draft,
    example="phone.mp4",
    wishes=(
        Wish("rotate", "turn or mirror the picture", "90, 180, 270, mirror or flip", read=read_turn, example="90"),
    ),
)
