"""Remembers how fast this machine encodes, so that it can be said beforehand how long it will take."""

from medusa.steps.draft import Draft

_measured: dict[str, float] = {}
"""Units of work a second, by kind: of pictures, pixels times seconds; of sound alone, seconds."""


def _work(draft: Draft) -> tuple[str, float] | None:
    """The kind of work that a draft takes, and how much of it; None while its length or size is unknown."""
    if not draft.duration or not (draft.encodes or draft.exact):
        return None
    if not draft.has_video or not (draft.video.encodes or draft.exact):
        return "sound", draft.duration
    width, height = draft.media.width, draft.media.height
    return ("pictures", draft.duration * width * height) if width and height else None


def measured(draft: Draft, took: float) -> None:
    """Note that what a draft asks for took so many seconds; the latest counts."""
    work = _work(draft)
    if work is not None and took > 0:
        _measured[work[0]] = work[1] / took


def expected(draft: Draft) -> float | None:
    """How many seconds a draft will take, as far as one like it was measured before."""
    work = _work(draft)
    return work[1] / _measured[work[0]] if work is not None and work[0] in _measured else None
