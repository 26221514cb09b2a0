"""Fills templates of captions with what is known of a post."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from medusa.errors import UserError
from medusa.model import Media, Order
from medusa.names import quoted
from medusa.words import size as size_of
from medusa.words import span

_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a post: its title, file name, bytes, media, and when it is made (Unix time)."""

    title: str
    name: str = ""
    size: int = 0
    media: Media | None = None
    at: float = 0.0


def checked(template: str) -> str:
    """The template, if it names no unknown field. Raises UserError."""
    for found in _FIELD.finditer(template):
        if found[1] is not None and _split(found[1])[0] not in FIELDS:
            raise UserError(f"A caption knows no field {quoted(found[0])}; it knows {', '.join(FIELDS)}.")
    return template


def filled(template: str, order: Order, facts: Facts) -> str:
    """The caption that a template makes; ``{index:3}`` has three digits, and ``{{`` is a brace."""

    def value(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0][0]
        name, width = _split(found[1])
        text = _value(name, order, facts)
        return text.zfill(width) if text.isdigit() else text

    return _FIELD.sub(value, template).strip()


def settled(template: str, order: Order) -> str:
    """The template with all filled in that the order of a batch's item knows itself, whatever comes to stand there."""

    def value(found: re.Match[str]) -> str:
        name, width = _split(found[1] or "")
        if name not in _OF_BATCH and not (name == "title" and order.name):
            return found[0]
        text = _value(name, order, Facts(""))
        return literal(text.zfill(width) if text.isdigit() else text)

    return _FIELD.sub(value, template)


def literal(text: str) -> str:
    """A template that makes just this text."""
    return text.replace("{", "{{").replace("}", "}}")


def _split(field: str) -> tuple[str, int]:
    name, _, width = field.strip().lower().partition(":")
    return name, int(width) if width.isdecimal() and int(width) < 10 else 0


def _value(name: str, order: Order, facts: Facts) -> str:
    find = _VALUES.get(name)
    return find(order, facts) if find else "{" + name + "}"


def _number(order: Order, _: Facts) -> str:
    """The place in the batch, with as many digits as the last one has."""
    return str(order.index).zfill(len(str(order.total))) if order.index else ""


def _duration(_: Order, facts: Facts) -> str:
    return span(facts.media.duration) if facts.media and facts.media.duration else ""


def _quality(order: Order, facts: Facts) -> str:
    media = facts.media
    return f"{min(media.height, media.width or media.height)}p" if media and media.height else order.quality


_VALUES: dict[str, Callable[[Order, Facts], str]] = {
    "title": lambda order, facts: (order.name if order.index else None) or facts.title,
    "index": _number,
    "total": lambda order, _: str(order.total or ""),
    "batch": lambda order, _: order.batch,
    "section": lambda order, _: order.section,
    "size": lambda _, facts: size_of(facts.size) if facts.size else "",
    "duration": _duration,
    "quality": _quality,
    "source": lambda order, _: urlsplit(order.url).hostname or "",
    "url": lambda order, _: order.url,
    "date": lambda _, facts: time.strftime("%Y-%m-%d", time.localtime(facts.at)),
    "name": lambda _, facts: facts.name,
}
_OF_BATCH = ("index", "total", "batch", "section")
FIELDS = tuple(_VALUES)
"""What a caption may name in braces."""
