"""Makes a round video message: the middle of the picture as a square, a minute at most."""

from dataclasses import replace

from medusa.model import LocalFile, Order
from medusa.steps import Step, Wish
from medusa.steps.draft import Draft
from medusa.steps.frames import even, frame_of, scaled
from medusa.steps.recipes import heard, no_words, playable

SECONDS = 60.0
SIDE = 640
"""What Telegram takes for a round video at most: https://core.telegram.org/bots/api#sendvideonote."""


def _wants(file: LocalFile, order: Order) -> bool:
    return "round" in order.edits and file.media is not None


def _draft(draft: Draft, order: Order) -> Draft:  # noqa: ARG001 - the seam
    width, height = frame_of(draft, "made a round video")
    draft = replace(draft, subtitles=False, longest=SECONDS)
    side = min(SIDE, width // 2 * 2, height // 2 * 2)
    if width != height or width > side:
        factor = side / min(width, height)
        draft = scaled(draft, max(side, even(width * factor)), max(side, even(height * factor)))
        draft = draft.seen(side, side, f"crop={side}:{side}", "setsar=1")
    draft = heard(playable(draft))
    return replace(draft, ending="mp4", shape="round").saying("made a round video")


STEP = Step(
    name="round",
    stage=43,
    wants=_wants,
    draft=_draft,
    example="clip.mp4",
    wishes=(Wish("round", "post as a round video: its middle, 60 s at most", read=no_words, example="on"),),
)
