"""Takes files out of Telegram's own messages: by their links, or those that a command replies to."""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from medusa.errors import UserError
from medusa.model import Held, LocalFile, Order, Place, Progress, Report
from medusa.names import safe_file_name
from medusa.sources import Plan, Source, ranged
from medusa.steps import gathers
from medusa.tools import Chats, Tools

MOST_MESSAGES = 50
"""How many messages one link may name, and how many files they may hold."""
_CHANNELS = -(10**12)
_PATH = re.compile(
    r"/(?:s/)?(?:c/(?P<id>\d{1,15})|(?P<name>[A-Za-z]\w{3,31}))(?:/\d{1,10})?/(?P<numbers>\d{1,10}(?:,\d{1,10})*)/?"
)
"""A message, of a forum with its topic before it (https://core.telegram.org/api/links#message-links).

That several numbers may stand there, with commas, is our own.
"""
_NO_MESSAGE = "This Telegram link leads to no message. Links of messages look like https://t.me/name/123."


def place_in(link: str) -> Place | None:
    """The message that a link names, or None. Raises UserError for a comment, whose chat the link does not name."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
    if "comment" in query:
        raise UserError("Links of comments can't be fetched: open the discussion and copy the link there.")
    return _in_app(parts.hostname or "", query) if parts.scheme.lower() == "tg" else _on_web(parts.path, query)


def link_to(chat_id: int, *message_ids: int, alone: bool = False) -> str:
    """A link to messages of a chat (marked id); ``alone`` leaves out the rest of their albums."""
    numbers = ",".join(map(str, message_ids))
    if chat_id < _CHANNELS:
        return f"https://t.me/c/{_CHANNELS - chat_id}/{numbers}{'?single' if alone else ''}"
    return f"tg://openmessage?user_id={chat_id}&message_id={numbers}{'&single' if alone else ''}"


def link_of(place: Place) -> str:
    """The link that `place_in` reads as this place."""
    if isinstance(place.chat, int):
        return link_to(place.chat, *place.message_ids, alone=place.alone)
    numbers = ",".join(map(str, place.message_ids))
    return f"https://t.me/{place.chat}/{numbers}{'?single' if place.alone else ''}"


def _on_web(path: str, query: Mapping[str, str]) -> Place | None:
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    chat = found["name"] or _CHANNELS - int(found["id"])
    return _place(chat, found["numbers"], alone="single" in query)


def _place(chat: str | int, numbers: str, *, alone: bool) -> Place:
    """The messages of these numbers, each meant once. Raises UserError for too many, and ValueError."""
    first, *further = dict.fromkeys(int(number) for number in numbers.split(","))
    if len(further) >= MOST_MESSAGES:
        raise UserError(f"That are {len(further) + 1} messages; name at most {MOST_MESSAGES} at once.")
    return Place(chat, first, alone, tuple(further))


def _in_app(action: str, query: Mapping[str, str]) -> Place | None:
    """https://core.telegram.org/api/links#message-links"""
    alone = "single" in query
    try:
        if action == "resolve":
            return _place(query["domain"], query["post"], alone=alone)
        if action == "privatepost":
            return _place(_CHANNELS - int(query["channel"]), query["post"], alone=alone)
        if action == "openmessage":
            return _place(int(query["user_id"]), query["message_id"], alone=alone)
    except (KeyError, ValueError):
        pass
    return None


async def resolve(order: Order, workdir: Path, tools: Tools, report: Report) -> Plan:
    """Look at the message, and at its album."""
    place = place_in(order.link)
    if place is None:
        raise UserError(_NO_MESSAGE)
    report(Progress(note="looking at the message"))
    held = await _chats(tools).held(place, workdir)
    first = held[0].file
    size = sum(one.file.size for one in held)
    as_it_is = not any(_is_changed(one, order) for one in held)
    title = first.title or first.name
    return Plan(order.link, title, first.name, size, {"place": asdict(place)}, held=held if as_it_is else ())


async def fetch(plan: Plan, order: Order, workdir: Path, tools: Tools, report: Report) -> tuple[LocalFile, ...]:
    """Download all files; what an earlier try left of them is kept."""
    chats = _chats(tools)
    held = await chats.held(Place(**plan.details["place"]), workdir)
    ranged.check_sum([one.file.size for one in held], tools)
    for number, one in enumerate(held, start=1):
        ranged.check_size(one.file.size, tools)
        await chats.fetch(one, _noting(report, f"{number} of {len(held)}") if len(held) > 1 else report)
    return tuple(_named(one.file, number, len(held), order) for number, one in enumerate(held, start=1))


def _noting(report: Report, note: str) -> Report:
    return lambda seen: report(replace(seen, note=seen.note or note))


def _is_changed(held: Held, order: Order) -> bool:
    """Whether the order wants anything else than the very file, or it can't be had that way."""
    looks = held.file.media is not None or held.file.photo
    return held.protected or bool(order.name or order.edits) or (order.as_document and looks)


def _named(file: LocalFile, number: int, count: int, order: Order) -> LocalFile:
    """The file as if it had come from anywhere else: what is in it is looked at anew."""
    called = f"{order.name} {number}" if order.name and count > 1 else order.name
    if gathers(order):
        called = None  # it is the name of what becomes of them all
    name = safe_file_name(called, extension=Path(file.name).suffix) if called else file.name
    return replace(file, name=name, media=None, photo=False)


def _chats(tools: Tools) -> Chats:
    if tools.chats is None:
        raise UserError("There is no Telegram account to look at this with.")
    return tools.chats


SOURCE = Source(
    name="telegram",
    rank=3,
    pattern=re.compile(r"https?://(?:www\.)?(?:t|telegram)\.(?:me|dog)/|tg://", re.IGNORECASE),
    resolve=resolve,
    fetch=fetch,
    read=ranged.read,
    examples=(
        "https://t.me/durov/123",
        "https://t.me/c/1234567890/56?single",
        "https://t.me/forum/7/123",
        "tg://resolve?domain=durov&post=123",
        "https://t.me/durov/123,125,130",
    ),
)
