"""Reads how the owner names chats and topics, such as ``@films``, ``-1001234567890/7`` or ``Forum/new:Music``."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from medusa.errors import UserError
from medusa.names import display_name, quoted

MOST_DESTINATIONS = 10
LONGEST_NAME = 128
"""Characters of the title of a channel or a topic."""
FORMS = "me, here, @name, an id such as -1001234567890, a t.me link, the title of a registered channel, or new:NAME"
_CHANNELS = -(10**12)
_LINK = re.compile(r"(?:https?://)?(?:www\.)?(?:t|telegram)\.(?:me|dog)/(?P<path>[^?#]+)", re.IGNORECASE)
_BY_NUMBER = re.compile(r"c/(?P<id>\d{1,15})(?:/(?P<topic>\d{1,10}))?(?:/\d{1,10})?/?")
_BY_NAME = re.compile(r"(?P<name>[A-Za-z]\w{3,31})(?:/(?P<topic>\d{1,10}))?(?:/\d{1,10})?/?")
_NAME = re.compile(r"@[A-Za-z]\w{3,31}")
_NUMBER = re.compile(r"-?\d{1,16}")
_NEW = "new:"

How = Literal["me", "here", "name", "id", "title", "new"]


@dataclass(frozen=True, slots=True)
class Named:
    """A chat as it was named, and in it the topic: its number, its name, or ``new:`` and a name; empty for none.

    ``loosely`` says that the topic may be the number of a message: links of both look alike.
    """

    how: How
    chat: str = ""
    topic: str = ""
    loosely: bool = False


def destinations(text: str, titles: Collection[str]) -> list[Named]:
    """The chats that are named in lines or between commas, each once; ``titles`` are those that are known.

    Raises UserError for what names none, and for too many.
    """
    parts = [part for line in text.split("\n") for part in ([line] if _is_title(line, titles) else line.split(","))]
    found = list(dict.fromkeys(named(part, titles) for part in parts if part.strip()))
    if not found:
        raise UserError(f"Which chat? It is {FORMS}.")
    if len(found) > MOST_DESTINATIONS:
        raise UserError(f"That is {len(found)} chats; name at most {MOST_DESTINATIONS}.")
    return found


def named(text: str, titles: Collection[str]) -> Named:
    """The chat that a text names, and the topic behind a slash. Raises UserError."""
    text = display_name(text)
    if not text:
        raise UserError(f"Which chat? It is {FORMS}.")
    if _is_title(text, titles):
        return Named("title", text)
    if text.lower().startswith(_NEW):
        return Named("new", new_name(text))
    if link := _LINK.fullmatch(text):
        return _linked(link["path"], text)
    chat, _, topic = (part.strip() for part in text.partition("/"))
    if chat.lower() in ("me", "here"):
        return Named("me" if chat.lower() == "me" else "here", topic=topic)
    if _NUMBER.fullmatch(chat):
        return Named("id", chat, topic)
    if chat.startswith("@"):
        if not _NAME.fullmatch(chat):
            raise UserError(f"{quoted(chat)} is no name that Telegram gives: those have 4 to 32 letters and digits.")
        return Named("name", chat.lower(), topic)
    return Named("title", chat, topic)


def new_name(text: str) -> str:
    """The name behind ``new:``. Raises UserError when it is empty or too long for Telegram."""
    name = " ".join(text[len(_NEW) :].split())
    if not name:
        raise UserError("new: needs a name, for instance new:Films.")
    if len(name) > LONGEST_NAME:
        raise UserError(f"{quoted(name)} has more than the {LONGEST_NAME} characters that Telegram allows for a name.")
    return name


def is_new(topic: str) -> bool:
    """Whether a topic is to be made where it is missing."""
    return topic.lower().startswith(_NEW)


def _is_title(text: str, titles: Collection[str]) -> bool:
    return display_name(text).casefold() in {title.casefold() for title in titles}


def _linked(path: str, text: str) -> Named:
    """https://core.telegram.org/api/links"""
    if path.startswith("+") or path.lower().startswith("joinchat/"):
        raise UserError("That is an invitation. Join the chat in Telegram first, then name it by its title or id.")
    if by_number := _BY_NUMBER.fullmatch(path):
        return Named("id", str(_CHANNELS - int(by_number["id"])), by_number["topic"] or "", loosely=True)
    if by_name := _BY_NAME.fullmatch(path):
        return Named("name", f"@{by_name['name'].lower()}", by_name["topic"] or "", loosely=True)
    raise UserError(f"{quoted(text)} leads to no chat.")
