"""Makes a video or a song no larger than asked, with as much quality as fits."""

import re
from dataclasses import dataclass, replace
from functools import partial

from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.names import quoted
from medusa.steps import Step, Wish
from medusa.steps.draft import Draft
from medusa.steps.frames import within
from medusa.words import size as shown

_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_SIZE = re.compile(r"(\d{1,10}(?:[.,]\d{1,3})?) ?([kmg]?)i?b?", re.IGNORECASE)
_SHARE = re.compile(r"(\d{1,3}) ?%")
_LADDER = (2160, 1440, 1080, 720, 540, 480, 360, 240, 144)
"""Lines to which pictures may be reduced."""
_BITS = 0.05
"""Bits for a pixel from which H.264 looks well enough; what has fewer is made smaller."""
_LEAST_VIDEO, _LEAST_AUDIO = 40_000, 24_000
_SOUND = range(_LEAST_AUDIO, 128_001)
"""Bits a second of sound."""
_PACKING = 0.02
"""The share of a file that the container takes, and a little more for what an encoder overshoots."""
_PACKET = 90 * 8
"""Bits that the index of the container takes for a second of pictures and of sound, about."""
_TRIES = 4
_MARGIN = 1.2
"""How much more than what was too much is taken off when it is tried again."""
_LOWEST = 8_000
"""Bits a second below which no encoder goes."""


def read_target(text: str) -> str:
    """A size such as ``8M``, in bytes, or a share such as ``50%``, as it is kept. Raises UserError."""
    text = text.strip()
    if share := _SHARE.fullmatch(text):
        if not 1 <= int(share[1]) <= 99:
            raise UserError(f"{quoted(text)} is no share that makes anything smaller; write 1% to 99%.")
        return f"{int(share[1])}%"
    found = _SIZE.fullmatch(text)
    if found is None:
        raise UserError(f"{quoted(text)} is no size. Write how large it may get, such as 8M, 700K or 50%.")
    target = round(float(found[1].replace(",", ".")) * _UNITS[found[2].lower()])
    if not target:
        raise UserError("Nothing fits into 0 bytes.")
    return str(target)


def _wants(file: LocalFile, order: Order) -> bool:
    return "compress" in order.edits and file.media is not None


@dataclass(frozen=True, slots=True)
class Budget:
    """What there is to spend: bits a second for pictures and for sound."""

    video: int
    audio: int


def budget(draft: Draft, target: int) -> Budget:
    """How many bits a second fit into ``target`` bytes. Raises UserError that names the least that makes sense."""
    length = draft.duration
    if not length:
        raise UserError(f"{draft.source.name} does not tell how long it is, so nobody knows what fits into how much.")
    rate = target * 8 * (1 - _PACKING) / length - _PACKET
    audio = int(min(_SOUND[-1], max(_SOUND[0], rate * (0.12 if draft.has_video else 1)))) if draft.has_audio else 0
    video = round(rate - audio) if draft.has_video else 0
    if audio > rate or (draft.has_video and video < _LEAST_VIDEO):
        needed = (_LEAST_VIDEO if draft.has_video else 0) + (_LEAST_AUDIO if draft.has_audio else 0) + _PACKET
        least = round(needed * length / 8 / (1 - _PACKING) * 1.02) + 1000
        name = draft.source.name
        raise UserError(f"{name} can't become as small as {shown(target)}: {shown(least)} is the least for its length.")
    return Budget(video, audio)


def _draft(draft: Draft, order: Order) -> Draft:
    wish, size = order.edits["compress"], draft.source.path.stat().st_size
    target = size * int(wish[:-1]) // 100 if wish.endswith("%") else int(wish)
    draft = draft.saying("compressed")
    if size <= target and not draft.encodes:
        return draft
    return _spending(draft, budget(draft, target), target, 1)


def _spending(whole: Draft, spent: Budget, target: int, tries: int) -> Draft:
    """``whole`` at these rates; asked again while more than ``target`` bytes come of it."""
    draft = replace(whole, again=partial(_again, whole, spent, target, tries), subtitles=False)
    if draft.has_video:
        draft = _reduced(draft, spent.video)
        rates = "-b:v", str(spent.video), "-maxrate", str(spent.video * 5 // 4), "-bufsize", str(spent.video)
        codec = draft.video.codec or "h264"
        draft = replace(draft, video=replace(draft.video, codec=codec, settings=rates))
    if draft.has_audio:
        few = ("-ac", "1") if spent.audio < 48_000 else ("-ac", "2")
        settings = "-b:a", str(spent.audio), *few
        draft = replace(draft, audio=replace(draft.audio, codec=draft.audio.codec or "aac", settings=settings))
    return draft if draft.has_video else replace(draft, ending=draft.ending or "m4a")


def _reduced(draft: Draft, rate: int) -> Draft:
    """The draft with pictures that this rate can show well."""
    if draft.size is None:
        return draft
    width, height = draft.size
    pictures = min(draft.media.frame_rate or 25.0, 60.0)
    for lines in _LADDER:
        factor = min(1.0, lines / min(width, height))
        if width * height * factor * factor * pictures * _BITS <= rate:
            return within(draft, lines, "compressed")
    return within(draft, _LADDER[-1], "compressed")


def _again(whole: Draft, spent: Budget, target: int, tries: int, draft: Draft, made: int) -> Draft | None:
    """The draft to try after one that came to ``made`` bytes; None when that is small enough."""
    if made <= target:
        return None
    excess = round((made - target) * 8 * _MARGIN / (draft.duration or 1))
    less = replace(spent, video=spent.video - excess) if spent.video else replace(spent, audio=spent.audio - excess)
    if tries == _TRIES or max(less.video, less.audio if not spent.video else 0) < _LOWEST:
        raise UserError(f"{whole.source.name} would not get smaller than {shown(made)}.")
    return _spending(whole, less, target, tries + 1)


STEP = Step(
    name="compress",
    stage=39,
    wants=_wants,
    draft=_draft,
    example="film.mp4",
    wishes=(
        Wish(
            "compress",
            "make it no larger than this",
            "a size such as 8M, or a share such as 50%",
            read=read_target,
            example="70%",
        ),
    ),
)
