"""Writes into a file what it is called and by whom it is, without touching pictures or sound."""

import re
from collections.abc import Mapping
from dataclasses import replace

from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.names import display_name, quoted
from medusa.steps import Step, Wish
from medusa.steps.draft import Draft

KEYS = ("title", "artist", "album", "album_artist", "composer", "genre", "date", "track", "disc", "comment")
"""ffmpeg's names of the tags that the usual containers know."""
_ALSO = {"performer": "artist", "year": "date", "albumartist": "album_artist"}
_MOST = 200
"""Characters of a value; players show no more."""
_KEY = re.compile(rf"(?:^|(?<=\s))({'|'.join((*KEYS, *_ALSO))})\s?=", re.IGNORECASE)


def read_tags(text: str) -> str:
    """Tags such as ``title=Blue artist=Someone``, as the lines in which they are kept. Raises UserError."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        starts = list(_KEY.finditer(line))
        if not starts or line[: starts[0].start()].strip():
            raise UserError(f"{quoted(line)} is no tag. Tags look like title=Blue; there are {', '.join(KEYS)}.")
        ends = [start.start() for start in starts[1:]] + [len(line)]
        for start, end in zip(starts, ends, strict=True):
            key = start[1].lower()
            found[_ALSO.get(key, key)] = _value(key, line[start.end() : end])
    if not found:
        raise UserError("Which tags? For instance: title=Blue artist=Someone. A tag without a value is removed.")
    return "\n".join(f"{key}={value}" for key, value in found.items())


def _value(key: str, text: str) -> str:
    value = text.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    if len(value) > _MOST:
        raise UserError(f"The {key} has {len(value)} characters; write at most {_MOST}.")
    return display_name(value)


def tags_of(kept: str) -> Mapping[str, str]:
    """The tags that `read_tags` has written, by ffmpeg's names."""
    return dict(line.split("=", 1) for line in kept.split("\n"))


def _wants(file: LocalFile, order: Order) -> bool:
    return "tag" in order.edits and file.media is not None


def _draft(draft: Draft, order: Order) -> Draft:
    return replace(draft, tags={**draft.tags, **tags_of(order.edits["tag"])}).saying("tagged")


STEP = Step(
    name="tags",
    stage=46,
    wants=_wants,
    draft=_draft,
    example="song.mp3",
    wishes=(
        Wish(
            "tag",
            "write it into the file; empty removes it",
            '"title=Blue", or artist, album, date …',
            many=True,
            read=read_tags,
            example="title=Blue",
        ),
    ),
)
