"""Hands out the lines of a batch: those that have failed, ready to be sent again, or all with their posts."""

from collections.abc import Sequence

from markupsafe import Markup

from medusa.batches import words
from medusa.batches.parsing import parse
from medusa.batches.places import spot_of
from medusa.commands import Answer, Call
from medusa.errors import UserError
from medusa.model import Order
from medusa.names import safe_file_name
from medusa.settings import DOCUMENTS, QUALITY
from medusa.storage.batches import Batch, BatchItem, ItemState, Outcome
from medusa.telegram.messages import random_id_for, units
from medusa.words import message_link

_SHORT = 3000
"""UTF-16 units up to which the lines are an answer; what is longer is a file."""


async def failed(call: Call, batch: Batch, _: Sequence[int]) -> Answer:
    """What has failed, as a list that /batch takes."""
    items = await call.desk.conductor.batches.items(batch.id, ItemState.FAILED)
    if not items:
        return words.head(batch) + ": nothing of it has failed."
    lines: list[str] = []
    section = ""
    for item in items:
        if item.order.section not in ("", section):
            lines.append(f"## {item.order.section}")
        section = item.order.section
        lines += [f"; {item.reason.partition(chr(10))[0]}", _line(item, call)]
    return await _given(call, batch, "failed", lines)


async def links(call: Call, batch: Batch, _: Sequence[int]) -> Answer:
    """What was posted, with links where the chat has some; what was not is said."""
    chat_id = spot_of(batch).chat_id
    outcomes = await call.desk.conductor.batches.outcomes(batch)
    return await _given(call, batch, "links", [_with_link(one, chat_id) for one in outcomes])


async def _given(call: Call, batch: Batch, what: str, lines: Sequence[str]) -> Answer:
    text = "\n".join(lines)
    if units(text) <= _SHORT:
        return words.head(batch) + Markup("\n{}").format(text)
    name = safe_file_name(f"batch {batch.id} {what}", extension="txt")
    place = (call.message.chat_id, call.message.message_id)
    await call.desk.files.send(*place, name, text + "\n", random_id_for(f"{what} {batch.id} {place}"))
    return words.head(batch) + Markup(": {} lines, in the file that replies to this.").format(len(lines))


def _line(item: BatchItem, call: Call) -> str:
    line = " ".join([f"{item.name}:{item.order.link}" if item.name else item.order.link, *options(item.order, call)])
    if not item.name or _reads_back(line, item):
        return line
    return " ".join([item.order.link, f"-n {quoted(item.name)}", *options(item.order, call)])


def _reads_back(line: str, item: BatchItem) -> bool:
    """Whether a name may stand before its link, and is not taken for a comment or cut off."""
    try:
        return [(one.name, one.link) for one in parse(line).items] == [(item.name, item.order.link)]
    except UserError:
        return False


def options(order: Order, call: Call) -> list[str]:
    """The options behind a link that make this order of it."""
    settings, person = call.desk.settings, call.person.id
    found = [] if order.quality == settings.of(person, QUALITY) else [f"-q {order.quality}"]
    found += [f"-c {quoted(order.caption)}"] if order.caption is not None else []
    switches = {
        "--doc": order.as_document,
        "--media": not order.as_document and settings.of(person, DOCUMENTS),
        "--spoiler": order.spoiler,
        "--silent": order.silent,
        "--protect": order.protect,
        "--pin": order.pin,
    }
    found += [flag for flag, on in switches.items() if on]
    for name, value in order.edits.items():
        found += [f"--{name}" if one == "on" else f"--{name}={quoted(one)}" for one in value.split("\n")]
    return found


def quoted(text: str) -> str:
    """A value as it is written in a command."""
    mark = "'" if '"' in text else '"'
    return f"{mark}{' '.join(text.replace(mark, '’').split())}{mark}"


def _with_link(one: Outcome, chat_id: int) -> str:
    title = words.numbered(one.item, one.item.name or one.title or one.item.order.link)
    if one.item.state is ItemState.DONE and one.post_id:
        return f"{title} {message_link(chat_id, one.post_id) or f'message {one.post_id}'}"
    why = f" ({one.item.reason.partition(chr(10))[0]})" if one.item.reason else ""
    return f"{title} {'✗ failed' if one.item.state is ItemState.FAILED else one.item.state}{why}"
