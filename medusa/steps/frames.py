"""What the steps share that change the size of pictures."""

from medusa.errors import UserError
from medusa.steps.draft import Draft


def frame_of(draft: Draft, wanted: str) -> tuple[int, int]:
    """Width and height of a draft's pictures as they are shown. Raises UserError that says what was ``wanted``."""
    if not draft.has_video:
        raise UserError(f"{draft.source.name} has no pictures, so it can't be {wanted}.")
    if draft.size is None:
        raise UserError(f"{draft.source.name} does not tell how large its pictures are, so it can't be {wanted}.")
    return draft.size


def even(side: float) -> int:
    """The even number of pixels that is nearest to a side, at least 2."""
    return max(2, round(side / 2) * 2)


def scaled(draft: Draft, width: int, height: int) -> Draft:
    """The draft with its pictures of this size, and of square pixels; nothing happens where they are so already."""
    if (width, height) == draft.size:
        return draft
    return draft.seen(width, height, f"scale={width}:{height}", "setsar=1")


def within(draft: Draft, lines: int, wanted: str) -> Draft:
    """The draft with pictures of at most so many lines, as they are counted: on the shorter side."""
    width, height = frame_of(draft, wanted)
    factor = lines / min(width, height)
    return draft if factor >= 1 else scaled(draft, even(width * factor), even(height * factor))
