"""/batch: a list of links becomes posts in order."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

from medusa.batches import parsing
from medusa.batches.parsing import Item, Listing, Rejected
from medusa.commands import Answer, Call, Command, Later, Option, playlists
from medusa.commands.batch_acts import ACTS, act
from medusa.commands.gathering import kept, placed
from medusa.commands.ordering import ASK, POSTING, QUALITY_OPTION, link_of, option_of, order_of
from medusa.commands.parsing import split_options
from medusa.commands.surveying import MOST_REJECTED, rejection, surveyed
from medusa.errors import UserError
from medusa.model import Order, Role
from medusa.names import display_name
from medusa.steps import all_wishes

_OPTIONS = (QUALITY_OPTION, *POSTING, *map(option_of, all_wishes().values()))
_OF_A_LINE = tuple(one for one in _OPTIONS if one.name != "to")
"""What may stand behind a link of a list; all of them go to the same chat."""


async def _run(call: Call) -> Answer:
    acts = [word.lower() for word in call.words if word.lower() in ACTS]
    others = [word for word in call.words if word.lower() not in ACTS]
    if acts or (others and all(re.fullmatch(r"[#\d,–-]+", word) for word in others)):
        return await act(call, acts[0] if acts else "", others)
    if len(others) == 1 and not call.text.partition("\n")[2].strip():
        return Later(partial(_behind, call, link_of(others[0])))
    text, name = await _list(call)
    return await _planned(call, parsing.parse(text), call.options.get("name") or name)


async def _behind(call: Call, link: str) -> Answer:
    """Plan what is behind one link: the items of a playlist, the lines of a text, or that link alone."""
    name = call.options.get("name", "")
    order, _ = _order(replace(call, options={**call.options, "name": ""}), Item(1, "", link))
    found = await call.desk.look(order, playlists.items(""))
    if found.kind == "playlist":
        orders = playlists.orders_of(order, found, name)
        batch = await playlists.made(call, orders)
        return await surveyed(call, batch, [one for _, _, one in orders], (), playlists.left_out(found, ""))
    text = link
    if found.kind.startswith("text/"):
        text = parsing.decoded(await call.desk.read(order, parsing.MOST_BYTES))
        name = name or display_name(PurePosixPath(found.title).stem)
    later = await _planned(call, parsing.parse(text), name)
    return await later.work() if isinstance(later, Later) else later


async def _list(call: Call) -> tuple[str, str]:
    """The text of a list and what to call it: what stands in the message, else the file that it replies to."""
    rest = call.text.partition("\n")[2]
    if rest.strip():
        return rest, ""
    if call.words:
        return "\n".join(call.words), ""
    for number in filter(None, (call.message.original, call.message.message_id, call.message.reply_to)):
        file = await call.desk.messenger.enclosed(call.message.chat_id, number, parsing.MOST_BYTES)
        if file is not None and file.data is None:
            raise UserError(f"That file has more than {parsing.MOST_BYTES // 2**20} MB; cut the list in several.")
        if file is not None and file.data is not None:
            return parsing.decoded(file.data), display_name(PurePosixPath(file.name).stem)
    lines = "lines such as Name:https://example.com/a.mp4"
    raise UserError(f"Which list? Reply to a .txt file with {call.prefix}batch, or write {lines} below it.")


async def _planned(call: Call, listing: Listing, name: str) -> Answer:
    if not listing.items:
        raise UserError(
            "\n".join(["There is no link in that list.", *map(rejection, listing.rejected[:MOST_REJECTED])])
        )
    name = display_name(name or next((item.section for item in listing.items if item.section), "")) or "without a name"
    asked, refused = _orders(call, listing.items, name)
    if not asked:
        raise UserError(_without_any("No line of that list can be used.", refused))
    orders = await placed(call, asked)
    batch = await kept(call, name, orders)
    rejected = sorted((*listing.rejected, *refused), key=lambda one: one.line)
    return Later(partial(surveyed, call, batch, [order for _, _, order in orders], rejected))


def _orders(
    call: Call, items: Sequence[Item], name: str
) -> tuple[list[tuple[int, str, Order, Collection[str]]], list[Rejected]]:
    """The orders of the items with the names of their options, and the items whose options mean nothing."""
    found: list[tuple[int, str, Order, Collection[str]]] = []
    refused: list[Rejected] = []
    for item in items:
        try:
            found.append((item.line, item.name, *_order(call, item)))
        except UserError as error:
            refused.append(Rejected(item.line, item.name or item.link, error.user_text))
    total = len(found)
    numbered = [
        (line, called, replace(order, index=index, total=total, batch=name), given)
        for index, (line, called, order, given) in enumerate(found, start=1)
    ]
    return numbered, refused


def _order(call: Call, item: Item) -> tuple[Order, Collection[str]]:
    rest, options = split_options(item.options, _OF_A_LINE)
    if rest:
        raise UserError("something stands behind its link that is no option")
    given: Mapping[str, str] = {**call.options, **options}
    order = order_of(item.link, replace(call, options={**given, "name": options.get("name", item.name)}))
    if order.quality == ASK:
        raise UserError("-q ask is for one link; name the quality here")
    return replace(order, name=order.name or None, section=item.section), given


def _without_any(why: str, rejected: Sequence[Rejected]) -> str:
    return "\n".join([why, *map(rejection, rejected[:MOST_REJECTED])])


COMMAND = Command(
    name="batch",
    family="Batch",
    about="post a list of links in order",
    usage="LINK of a playlist or .txt, in reply to one, or with lines below it | N go, pause, resume or cancel"
    " | retry N [PLACES] | failed N | links N",
    run=_run,
    lines=True,
    options=(
        Option(("--fast",), "post as they come, without keeping the order"),
        Option(("--living",), "leave out what is dead"),
        Option(("--topics",), "with go: each section in a topic of its own, in a forum", role=Role.ADMIN),
        *_OPTIONS,
        Option(
            ("--index",),
            "pin an index of the posts at the end; the rule for more than five in a channel",
            role=Role.ADMIN,
        ),
        Option(("--no-index",), "make no index"),
    ),
    examples=(
        "batch",
        "batch https://example.com/list",
        "batch 3",
        "batch 3 go",
        "batch 3 only 12-80",
        "batch retry 3",
        "batch links 3",
        "batch -q 720 --silent",
    ),
)
