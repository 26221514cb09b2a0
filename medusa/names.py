"""Makes text from strangers safe: as the name of a file, or as one line to show."""

import re
import unicodedata

from pathvalidate import sanitize_filename

_MAX_BYTES = 240
"""File systems allow 255 bytes; the rest is room for suffixes such as ``.part``."""
_MAX_SHOWN = 200
_MAX_READ = 4096
"""Characters of a text that are worked on: no title is longer."""
_TAIL = 64
"""How many of them are its end, where a file name has its extension."""
_MAX_MARKS = 4
"""Marks on one letter; heaps of them cover the lines around."""
_MAX_BRIEF = 80
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,10}\Z")
_LOOSE_EXTENSION = re.compile(r"[ .]+(\.[A-Za-z0-9]{1,10})\Z")
_RESERVED = re.compile(r"(?:CON|PRN|AUX|NUL|CLOCK\$|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³])\s*(?:\.|\Z)", re.IGNORECASE)
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Characters that Unicode calls letters or symbols but that show nothing."""
_JOINERS = frozenset("\u200c\u200d")
_UNSAFE = frozenset({"Cc", "Cf", "Co", "Cs"})
_MARKS = frozenset({"Mn", "Me"})
_SPACES = frozenset({"Zs", "Zl", "Zp"})


def safe_file_name(raw: str, *, fallback: str = "file", extension: str | None = None) -> str:
    """Make a file name out of any text.

    The result is one path component in NFC of at most 240 bytes of UTF-8, valid on Linux, macOS and Windows, without
    control, bidirectional or invisible characters and without dots or spaces at either end. ``extension`` (with or
    without its dot) is appended unless the name has it already; without it the name's own short extension is kept
    when the rest is cut. ``fallback`` stands in for a name of which nothing is left.
    """
    name = _flat(raw, keep=frozenset()).strip(" .")
    ending = _ending(extension)
    stem = name[: -len(ending)] if ending and name.lower().endswith(ending.lower()) else name
    if not ending and (own := _EXTENSION.search(name)):
        stem, ending = name[: own.start()], own.group()
    # What follows may put one character before and one behind.
    stem = _cut(stem.strip(" ."), _MAX_BYTES - len(ending) - 2)
    stem = sanitize_filename(stem, replacement_text="_", platform="universal").strip(" .")
    # What the cut has left may end in what looks like an extension.
    stem = _LOOSE_EXTENSION.sub(r"\1", stem)
    if _RESERVED.match(stem):
        stem = f"_{stem}"
    return (stem or fallback) + ending


def display_name(raw: str) -> str:
    """Fold any text into one line of at most 200 characters that cannot disturb the text around it."""
    line = _flat(raw, keep=_JOINERS)
    return line if len(line) <= _MAX_SHOWN else line[: _MAX_SHOWN - 1].rstrip() + "…"


def brief(raw: str) -> str:
    """What somebody wrote, as one line of at most 80 characters that leaves room for what is said of it."""
    line = display_name(raw)
    return line if len(line) <= _MAX_BRIEF else line[: _MAX_BRIEF - 1].rstrip() + "…"


def quoted(raw: str) -> str:
    """The same in quotes."""
    return f"“{brief(raw)}”"


def _flat(raw: str, *, keep: frozenset[str]) -> str:
    """Drop what cannot be seen, turn all white space into single spaces, and normalise to NFC."""
    short = raw if len(raw) <= _MAX_READ else raw[: _MAX_READ - _TAIL] + raw[-_TAIL:]
    kept = "".join(_seen(char, keep) for char in short)
    return " ".join(_legible(unicodedata.normalize("NFC", kept)).split())


def _legible(text: str) -> str:
    """Leave at most four marks on any letter."""
    kept, marks = [], 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in _MARKS else 0
        if marks <= _MAX_MARKS:
            kept.append(char)
    return "".join(kept)


def _seen(char: str, keep: frozenset[str]) -> str:
    if char in keep:
        return char
    kind = unicodedata.category(char)
    if kind in _SPACES or char in _BLANK_LETTERS or char.isspace():
        return " "
    return "" if kind in _UNSAFE else char


def _ending(extension: str | None) -> str:
    """Reduce an announced extension to ``.letters``, or to nothing when there are none."""
    letters = re.sub(r"[^A-Za-z0-9]", "", extension or "")[:10]
    return f".{letters}" if letters else ""


def _cut(text: str, limit: int) -> str:
    """Cut to ``limit`` bytes of UTF-8 without parting a character from the marks that belong to it."""
    data = text.encode()
    if len(data) <= limit:
        return text
    short = data[:limit].decode(errors="ignore")
    end = len(short)
    while end and _belongs(text[end]):
        end -= 1
    return text[:end]


def _belongs(char: str) -> bool:
    """Say whether a character modifies the one before it: a combining mark, a variation selector, a skin tone."""
    return unicodedata.category(char) in {"Mn", "Mc", "Me"} or "\U0001f3fb" <= char <= "\U0001f3ff"
