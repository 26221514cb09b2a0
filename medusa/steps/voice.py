"""Makes a voice message of whatever sounds."""

from dataclasses import replace

from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.steps import Step, Wish
from medusa.steps.draft import Draft, Track

_MONO = "aformat=sample_rates=48000:channel_layouts=mono"
"""Clients record and expect mono."""
_SETTINGS = ("-b:a", "32k")


def _wants(file: LocalFile, order: Order) -> bool:
    return "voice" in order.edits and file.media is not None


def _draft(draft: Draft, order: Order) -> Draft:  # noqa: ARG001 - the seam
    if draft.media.audio_codec is None:
        raise UserError(f"There is no sound in {draft.source.name}.")
    audio = replace(draft.audio, codec="opus", settings=_SETTINGS).through(_MONO)
    made = replace(draft, video=Track(dropped=True), audio=audio, subtitles=False, ending="ogg", shape="voice")
    return made.saying("made a voice message")


STEP = Step(
    name="voice",
    stage=41,
    wants=_wants,
    draft=_draft,
    example="speech.m4a",
    wishes=(Wish("voice", "make a voice message of the sound", quality="audio"),),
)
