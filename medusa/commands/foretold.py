"""--dry-run: say what would become of orders, and do nothing."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from markupsafe import Markup

from medusa.commands import Answer, Call, Later, Option
from medusa.commands.cards import facts, would_be_taken
from medusa.errors import UserError
from medusa.library import source_key, where_it_stands
from medusa.model import LocalFile, Media, Order
from medusa.sources.described import Description
from medusa.steps import gathers
from medusa.steps.foretelling import UNKNOWN, foretell
from medusa.words import size

DRY_RUN = Option(("--dry-run",), "say what would happen, and do nothing")
_MOST = 10
"""Links that are looked at for one answer."""
_GOES_AS_IT_IS = "post again as it is, with no bytes sent"


def foretold(call: Call, orders: Sequence[Order]) -> Answer:
    """What would become of the orders; found out while other commands are obeyed. Raises UserError for too many."""
    if len(orders) > _MOST:
        raise UserError(f"--dry-run looks at {_MOST} at most, and these are {len(orders)}.")
    return Later(partial(_all, call, orders))


async def _all(call: Call, orders: Sequence[Order]) -> Markup:
    return Markup("\n\n").join([await _one(call, order) for order in orders])


async def _one(call: Call, order: Order) -> Markup:
    """Where it comes from, which version is taken, and what is done to it."""
    found = await call.desk.look(order, "")
    lines = [Markup("<b>{}</b>").format(found.title), Markup("{}").format(facts(found))]
    lines += [taken] if (taken := would_be_taken(found)) else []
    lines += [Markup("{}").format(note)] if (note := await _posted(call, order)) else []
    lines.append(Markup("{}").format(" → ".join(_chain(found, order))))
    return Markup("\n").join(lines)


async def _posted(call: Call, order: Order) -> str:
    """Whether the same was posted before."""
    if order.force:
        return ""
    posts, key = call.desk.library.posts, source_key(order)
    if (here := await posts.of_source(key, call.message.chat_id)) is not None:
        return where_it_stands(here)
    return "Posted in another chat before, so no bytes would be sent" if await posts.of_source(key) else ""


def _chain(found: Description, order: Order) -> list[str]:
    """What is done, step by step."""
    if found.as_it_is:
        return [_GOES_AS_IT_IS]
    files = found.files or (_imagined(found),)
    steps = ["fetch", *foretell(files, order)]
    count = found.count or len(files)
    if count > 1 and not gathers(order):
        steps[0] = f"of {count} files each: fetch"
    total = found.taken.size if found.taken else found.size
    return [*steps, f"upload {size(total)}" if total and not order.edits else "upload"]


def _imagined(found: Description) -> LocalFile:
    """The file that a link seems to lead to."""
    mime = found.kind if "/" in found.kind else ""
    media = None
    if "video" in found.kind or found.versions:
        media = Media("", found.duration, video_codec=UNKNOWN, audio_codec=UNKNOWN)
    elif "audio" in found.kind:
        media = Media("", found.duration, audio_codec=UNKNOWN)
    return LocalFile(Path("nowhere"), found.title, mime, media, size=found.size or 0)
