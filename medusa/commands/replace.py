"""/replace: a post gets another content, in its place."""

import re
from dataclasses import dataclass, replace

from medusa.captions import literal, settled
from medusa.commands import Answer, Call, Command
from medusa.commands.ordering import ASK, POSTING, QUALITY_OPTION, link_of, option_of, order_of, submit
from medusa.errors import UserError
from medusa.library import NUMBERED
from medusa.model import JobState, Order, Role, Spot
from medusa.sources.telegram import link_to
from medusa.steps import all_wishes
from medusa.storage.batches import ItemState

_NAMED = re.compile(r"#?([0-9]{1,18})(?:\.([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class _Place:
    """The message that is to show something else, and the order of the batch's item whose place it is."""

    spot: Spot
    message_id: int
    item: Order | None = None


async def _run(call: Call) -> Answer:
    place, link = await _meant(call)
    standing = await call.desk.archive.one(place.spot.chat_id, place.message_id)
    if standing is None:
        raise UserError("That post is gone; there is nothing to replace.")
    if standing.album:
        raise UserError("That post is part of an album, whose files stay together: delete it and send it anew.")
    if not standing.own or (standing.file is None and place.item is None):
        raise UserError("That message is no post of this account's.")
    order = order_of(link_of(link), call)
    if order.quality == ASK:
        raise UserError("-q ask is for /dl; name the quality here.")
    caption = literal(call.desk.tags.without(standing.text))
    if order.caption is not None or standing.file is None:
        template = order.caption if order.caption is not None else (place.item and place.item.caption) or NUMBERED
        caption = settled(template, place.item) if place.item else template
    order = replace(order, to=str(place.spot), slot=place.message_id, caption=caption, force=True)
    return await submit(call, [order], "")


async def _meant(call: Call) -> tuple[_Place, str]:
    """Which post is meant, and what is to stand there."""
    words, reply = list(call.words), call.message.reply_to
    named = _NAMED.fullmatch(words[0]) if words else None
    links = words[1:] if named else words
    if len(links) > 1 or not (named or links) or (not (named and links) and reply is None):
        name = f"{call.prefix}replace"
        raise UserError(
            f"Which post by what? {name} 12 LINK (a job's number), {name} 3.12 LINK (a batch's number and a place in "
            f"it), {name} LINK in reply to the post, or {name} 12 in reply to a file."
        )
    link = links[0] if links else link_to(call.message.chat_id, reply or 0)
    if named is None:
        return await _replied(call, reply or 0), link
    return await (_of_batch(call, int(named[1]), int(named[2])) if named[2] else _of_job(call, int(named[1]))), link


async def _replied(call: Call, message_id: int) -> _Place:
    chat_id = call.message.chat_id
    item = await call.desk.conductor.batches.at_slot(chat_id, message_id)
    return _Place(Spot(chat_id), message_id, item.order if item else None)


async def _of_job(call: Call, number: int) -> _Place:
    job = await call.desk.jobs.get(number)
    if job is None:
        raise UserError(f"There is no job #{number}.")
    if job.state is not JobState.DONE or not job.post_id:
        raise UserError(f"Job #{number} has no post: it is {job.state}.")
    item = await call.desk.conductor.batches.of_job(number)
    return _Place(job.spots[0], job.post_id, item.order if item else None)


async def _of_batch(call: Call, number: int, seq: int) -> _Place:
    batches = call.desk.conductor.batches
    batch = await batches.get(number)
    if batch is None:
        raise UserError(f"There is no batch {number}. {call.prefix}batches lists them.")
    found = await batches.outcomes(batch, ItemState.DONE, ItemState.FAILED, first=seq, limit=1)
    if not found or found[0].item.seq != seq or not found[0].post_id:
        raise UserError(f"Batch {number} has no post and no kept place at {seq}.")
    return _Place(found[0].item.order.spots[0], found[0].post_id, found[0].item.order)


COMMAND = Command(
    name="replace",
    role=Role.ADMIN,
    audited=True,
    family="Library",
    about="give a post another content, in its place; its caption stays unless -c says otherwise",
    usage="N LINK | BATCH.PLACE LINK | LINK in reply to a post | N in reply to a file",
    run=_run,
    options=(QUALITY_OPTION, *(one for one in POSTING if one.name != "to"), *map(option_of, all_wishes().values())),
    examples=("replace 12 https://example.com/better.mp4", "replace 3.12 https://example.com/right.pdf"),
)
