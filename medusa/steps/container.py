"""Puts video and sound as they are into another container."""

from dataclasses import replace

from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.names import quoted
from medusa.steps import Step, Wish
from medusa.steps.draft import FITS_MP4, Draft

_CONTAINERS = ("mp4", "mkv")


def read_container(text: str) -> str:
    """The container that is meant, MP4 where none is. Raises UserError."""
    wanted = {"on": "mp4", "matroska": "mkv"}.get(text.strip().lower(), text.strip().lower().removeprefix("."))
    if wanted not in _CONTAINERS:
        raise UserError(f"{quoted(text)} is no container that can be made; it is mp4 or mkv.")
    return wanted


def _wants(file: LocalFile, order: Order) -> bool:
    return "remux" in order.edits and file.media is not None


def _draft(draft: Draft, order: Order) -> Draft:
    ending = order.edits["remux"]
    if not draft.has_video:
        raise UserError(f"{draft.source.name} has no pictures, so there is nothing to put into another container.")
    video = draft.video.makes(draft.media.video_codec, "h264")
    audio = draft.audio.makes(draft.media.audio_codec, "aac") if draft.has_audio else None
    if ending == "mp4" and (video not in FITS_MP4[0] or audio not in FITS_MP4[1]):
        codecs = " and ".join(codec for codec in (video, audio) if codec)
        raise UserError(
            f"MP4 cannot hold {codecs} as they are in {draft.source.name}; convert mp4 encodes what it must."
        )
    return replace(draft, ending=ending).saying("put into another container")


STEP = Step(
    name="container",
    stage=47,
    wants=_wants,
    draft=_draft,
    example="film.mkv",
    wishes=(
        Wish(
            "remux",
            "change the container and nothing else",
            "mp4 or mkv",
            like="mp4|mkv",
            read=read_container,
            example="mkv",
        ),
    ),
)
