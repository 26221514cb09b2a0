"""Brings sound to the loudness that players and broadcasters agree on (EBU R 128); pictures are not touched."""

from dataclasses import replace

from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.names import quoted
from medusa.steps import Step, Wish
from medusa.steps.draft import Draft

USUAL = -16.0
"""LUFS; what streaming services and phones are used to."""
LOWEST, HIGHEST = -40.0, -8.0
_AFTER = ("asetnsamples=n=4096:p=0", "aformat=sample_rates=48000")
"""The filter hands on more at once than FLAC takes, and at 192 kHz, which is of no use to anybody after it."""


def read_loudness(text: str) -> str:
    """The loudness in LUFS that is meant, below 0 even where no sign says so. Raises UserError."""
    word = text.strip().lower().removesuffix("lufs").strip()
    if word in ("", "on"):
        return f"{USUAL:g}"
    try:
        wanted = -abs(float(word.replace("−", "-").replace("–", "-")))
    except ValueError:
        raise UserError(f"{quoted(text)} is no loudness. It is a number of LUFS such as -16.") from None
    if not LOWEST <= wanted <= HIGHEST:
        raise UserError(f"Loudness is from {LOWEST:g} to {HIGHEST:g} LUFS, not {quoted(text)}.")
    return f"{wanted:g}"


def _wants(file: LocalFile, order: Order) -> bool:
    return "loudness" in order.edits and file.media is not None


def _draft(draft: Draft, order: Order) -> Draft:
    if draft.media.audio_codec is None:
        raise UserError(f"There is no sound in {draft.source.name}.")
    level = f"loudnorm=I={order.edits['loudness']}:TP=-1.5:LRA=11"
    return replace(draft, audio=draft.audio.through(level, *_AFTER)).saying("made evenly loud")


STEP = Step(
    name="loudness",
    stage=36,
    wants=_wants,
    draft=_draft,
    example="quiet.mp4",
    wishes=(
        Wish(
            "loudness",
            f"make it evenly loud; {USUAL:g} when not said",
            "LUFS such as -16",
            like=r"[-−–]?\d{1,2}(?:\.\d{1,2})?",
            read=read_loudness,
            example="-16",
        ),
    ),
)
