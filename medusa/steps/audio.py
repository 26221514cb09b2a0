"""Keeps nothing but the sound: as it is where the wished format can hold it, else encoded anew."""

from dataclasses import dataclass, replace

from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.names import quoted
from medusa.steps import Step, Wish
from medusa.steps.draft import Draft, Track

BEST = "best"


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: the extension of its container, the codecs that it takes as they are, and what others become."""

    ending: str
    takes: frozenset[str]
    codec: str


_FORMATS = {
    "mp3": Format("mp3", frozenset({"mp3"}), "mp3"),
    "m4a": Format("m4a", frozenset({"aac", "alac"}), "aac"),
    "opus": Format("opus", frozenset({"opus"}), "opus"),
    "ogg": Format("ogg", frozenset({"vorbis", "opus"}), "opus"),
    "flac": Format("flac", frozenset({"flac"}), "flac"),
    "wav": Format("wav", frozenset({"pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_u8"}), "pcm_s16le"),
}
_BEST = ("mp3", "m4a", "opus", "ogg", "flac")
"""The formats that are looked through for one that takes the sound as it is."""
_LOSSLESS = ("pcm_", "flac", "alac", "ape", "wavpack", "tta", "truehd")
"""How the names of codecs begin that lose nothing: what they hold would be lost in any other."""
_SAMPLES = ("-sample_fmt", "s16")
"""What was lossy has no more than 16 bits to keep, and would fill 24 with noise."""


def read_format(text: str) -> str:
    """The format that a word names; ``best`` when it was left out. Raises UserError."""
    word = text.strip().lower()
    known = {"": BEST, "on": BEST, BEST: BEST, "copy": "copy", "aac": "m4a", **{name: name for name in _FORMATS}}
    if word not in known:
        raise UserError(f"{quoted(text)} is no format of sound; there are copy, {', '.join(_FORMATS)}.")
    return known[word]


def format_of(wished: str, codec: str) -> Format:
    """What sound of a codec becomes when ``wished`` is what `read_format` returns."""
    if wished in _FORMATS:
        return _FORMATS[wished]
    fitting = [_FORMATS[name] for name in _BEST if codec in _FORMATS[name].takes]
    if fitting:
        return fitting[0]
    if wished == "copy":
        return Format("mka", frozenset({codec}), codec)
    return _FORMATS["flac" if codec.startswith(_LOSSLESS) else "m4a"]


def _wants(file: LocalFile, order: Order) -> bool:
    return "audio" in order.edits and file.media is not None


def _draft(draft: Draft, order: Order) -> Draft:
    codec = draft.media.audio_codec
    if codec is None:
        raise UserError(f"There is no sound in {draft.source.name}.")
    form = format_of(order.edits["audio"], codec)
    draft = replace(draft, video=Track(dropped=True), subtitles=False, ending=form.ending)
    return _tagged(_with_cover(_as(form, draft, codec))).saying("its sound taken")


def _as(form: Format, draft: Draft, codec: str) -> Draft:
    """The draft with the sound in a format; it is copied unless something else is done to it."""
    track = draft.audio
    if not track.encodes and not (draft.ranges and draft.exact) and codec in form.takes:
        return draft
    settings = _SAMPLES if form.codec == "flac" and not codec.startswith(_LOSSLESS) else ()
    kept = track.settings if track.codec == form.codec else ()
    return replace(draft, audio=replace(track, codec=form.codec, settings=(*kept, *settings)))


def _with_cover(draft: Draft) -> Draft:
    """The draft with the file's preview picture for a cover, where it has none of its own."""
    thumb = draft.source.thumb
    if thumb is None or draft.media.cover is not None:
        return draft
    inputs = (*draft.inputs, thumb)
    taken = replace(draft, inputs=inputs, picture=f"{len(inputs)}:v")
    return taken if taken.cover else draft


def _tagged(draft: Draft) -> Draft:
    """The draft with the title that its source had, where nothing in the file says one."""
    title = draft.media.title or draft.source.title
    return replace(draft, tags={**({"title": title} if title else {}), **draft.tags})


STEP = Step(
    name="audio",
    stage=40,
    wants=_wants,
    draft=_draft,
    example="concert.mp4",
    wishes=(
        Wish(
            "audio",
            "keep the sound alone, as it is where that is possible",
            "copy, mp3, m4a, opus, ogg, flac or wav",
            like=r"(?i:best|copy|aac|mp3|m4a|opus|ogg|flac|wav)",
            read=read_format,
            example="mp3",
            quality="audio",
        ),
    ),
)
