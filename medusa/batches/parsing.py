"""Reads lists of links: ``Name:URL`` lines, ``Name | URL``, plain links, headings and comments."""

import codecs
import re
from dataclasses import dataclass

from medusa.errors import UserError
from medusa.names import brief, display_name

MOST_LINES = 5000
MOST_BYTES = 4 * 1024 * 1024
_LONGEST_LINK = 8192
_LINK = re.compile(r"(?<![^\W_])(?:https?|tg)://\S+", re.IGNORECASE)
_COMMENT = re.compile(r"(?://|;|#(?!#))")
_HEADING = re.compile(
    r"(?:#{2,6}\s*(?P<marked>.+?)\s*#*|\[(?P<square>[^\[\]]+)\]|(?P<lines>[=-])(?P=lines)+\s*(?P<between>.+?)\s*(?P=lines){2,})"
)
_SEPARATOR = re.compile(r"\s*(?:[:|=]|\s[-–—])?\s*\Z")
"""What may stand between a name and its link."""


@dataclass(frozen=True, slots=True)
class Item:
    """One link of a list: its line (from 1 on), name (empty: its source's title), heading and options as written."""

    line: int
    name: str
    link: str
    section: str = ""
    options: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line of which nothing can be made, and why."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list says: its items in their order, and the lines that mean nothing."""

    items: tuple[Item, ...]
    rejected: tuple[Rejected, ...]


def decoded(data: bytes) -> str:
    """The text of a file in UTF-8 or UTF-16, with or without a byte order mark. Raises UserError for anything else."""
    if not data.strip():
        raise UserError("This file is empty. A list has one link in each line, such as Name:https://example.com/a.mp4")
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return _strictly(data.removeprefix(mark), name)
    return _strictly(data, _unmarked(data))


def _unmarked(data: bytes) -> str:
    """The encoding of a text without a byte order mark; in UTF-16, every other byte of links is zero."""
    head = data[:4096]
    if head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    return "utf-16-be" if head[::2].count(0) > len(head) // 4 else "utf-8"


def _strictly(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise UserError(
            "This file is no text in UTF-8 or UTF-16. Save the list as plain text, then try again."
        ) from None
    if "\0" in text:
        raise UserError("This file is no list of links: it holds something else than text.")
    return text


def parse(text: str) -> Listing:
    """The items and the rejected lines of a list. Raises UserError for too many lines."""
    lines = text.splitlines()
    if sum(1 for line in lines if line.strip()) > MOST_LINES:
        raise UserError(f"That are {len(lines)} lines; a batch takes {MOST_LINES}. Cut the list in two.")
    items: list[Item] = []
    rejected: list[Rejected] = []
    section = ""
    for number, raw in enumerate(lines, start=1):
        line = raw.strip("\ufeff \t\r\n")
        if not line:
            continue
        link = _LINK.search(line)
        if link is None:
            heading = _heading(line)
            if heading:
                section = heading
            elif not _COMMENT.match(line):
                rejected.append(Rejected(number, brief(line), "has no link"))
        elif not _COMMENT.match(line):
            found = _item(number, line, link, section)
            if isinstance(found, Item):
                items.append(found)
            else:
                rejected.append(found)
    return Listing(tuple(items), tuple(rejected))


def _heading(line: str) -> str:
    found = _HEADING.fullmatch(line)
    return display_name(found["marked"] or found["square"] or found["between"]) if found else ""


def _item(number: int, line: str, link: re.Match[str], section: str) -> Item | Rejected:
    name = _SEPARATOR.sub("", line[: link.start()])
    options = line[link.end() :].strip()
    if len(link[0]) > _LONGEST_LINK:
        return Rejected(number, brief(line), "its link is too long")
    if options and not options.startswith(("-", "–", "—")):
        return Rejected(number, brief(line), "something stands behind its link that is no option")
    return Item(number, display_name(name), link[0], section, options)
