"""Burns subtitles into the pictures, puts them into the video as a track, or leaves them out."""

from dataclasses import replace

from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.steps import Step, Wish, embed, subs
from medusa.steps.captions import KINDS, own_name, read_track
from medusa.steps.draft import Draft

_ONE_RANGE = "Subtitles cannot go with several ranges at once: trim first, and reply to what comes of it."


def _wants(file: LocalFile, order: Order) -> bool:
    return bool({"burn", "no-subs", "embed"} & order.edits.keys()) and file.media is not None


def _draft(draft: Draft, order: Order) -> Draft:
    if "burn" in order.edits:
        return _burned(draft)
    if "embed" in order.edits:
        return _embedded(draft)
    if not draft.media.subtitles:
        raise UserError(f"There are no subtitles in {draft.source.name}.")
    return replace(draft, subtitles=False).saying("without subtitles")


def _burned(draft: Draft) -> Draft:
    """The draft with the text in its pictures, at the times of the whole video where only a part of it is kept."""
    if len(draft.ranges) > 1:
        raise UserError(_ONE_RANGE)
    start = draft.ranges[0][0] if draft.ranges else 0.0
    burn = f"ass={own_name(subs.USE, draft.source.path, 'ass')}"
    filters = (f"setpts=PTS+{start:.3f}/TB", burn, f"setpts=PTS-{start:.3f}/TB") if start else (burn,)
    return replace(draft, video=draft.video.through(*filters), subtitles=False).saying("subtitles burned in")


def _embedded(draft: Draft) -> Draft:
    """The draft with the text as a track behind those that it has."""
    if draft.ranges:
        raise UserError(_ONE_RANGE)
    named = (draft.source.path.with_name(own_name(embed.USE, draft.source.path, kind)) for kind in KINDS)
    inputs = (*draft.inputs, *(path for path in named if path.is_file()))
    maps = (*draft.maps, f"{len(inputs)}:s:0")
    return replace(draft, inputs=inputs, maps=maps).saying("given subtitles")


STEP = Step(
    name="subtitles",
    stage=44,
    wants=_wants,
    draft=_draft,
    example="film.mp4",
    wishes=(
        Wish(
            "burn",
            "write subtitles into the pictures, which encodes anew",
            "a language such as en, or a number",
            like=r"\d{1,3}|[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})?",
            read=read_track,
            example="en",
        ),
        Wish("no-subs", "leave subtitles out"),
    ),
)
