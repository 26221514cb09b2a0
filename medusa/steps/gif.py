"""Makes of a video what Telegram calls a GIF: a short one without sound that plays by itself, over and over."""

from dataclasses import replace

from medusa.model import LocalFile, Order
from medusa.steps import Step, Wish
from medusa.steps.draft import Draft, Track
from medusa.steps.frames import frame_of
from medusa.steps.recipes import no_words, playable

SECONDS = 60.0
"""What is longer is no endless loop any more."""


def _wants(file: LocalFile, order: Order) -> bool:
    return "gif" in order.edits and file.media is not None


def _draft(draft: Draft, order: Order) -> Draft:  # noqa: ARG001 - the seam
    frame_of(draft, "made a GIF")
    draft = playable(replace(draft, audio=Track(dropped=True), subtitles=False, longest=SECONDS))
    return replace(draft, ending="mp4", shape="animation").saying("made a GIF")


STEP = Step(
    name="gif",
    stage=42,
    wants=_wants,
    draft=_draft,
    example="clip.mp4",
    wishes=(Wish("gif", "post as a GIF: without sound, over and over, 60 s at most", read=no_words, example="on"),),
)
