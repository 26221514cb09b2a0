"""The nouns of a stream: offers to choose from, tracks, and the pieces that they are fetched in."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

from medusa.errors import UserError

MOST_PIECES = 100_000
"""Pieces of one track; two seconds each, they would play for more than two days."""

MOST_RUNS = 1000
"""Runs of one track: each is a file, and takes a start of ffmpeg to join."""
MOST_OFFERS = 300
"""Variants and renditions of one HLS playlist; each may have to be fetched before one is chosen."""
_MOST_TOGETHER = 250_000
"""Pieces of all tracks of a manifest."""
_MOST_SIGNS = 64 * 1024 * 1024
"""Characters of all their addresses."""


class Kind(StrEnum):
    """What a track holds: pictures (perhaps with sound), sound alone, or subtitles."""

    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Lock:
    """The AES-128 key that a server publishes beside its stream, and the initialisation vector of one piece."""

    url: str
    iv: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """One request: a whole file, or ``length`` bytes of it from ``start`` on."""

    url: str
    start: int = 0
    length: int | None = None
    lock: Lock | None = None
    seconds: float = 0.0


class Tally:
    """Counts what one manifest comes to: a few lines may stand for any number of pieces, and of long addresses."""

    def __init__(self) -> None:
        self._pieces = self._signs = 0

    def take(self, piece: Piece) -> Piece:
        """The same piece. Raises UserError for one too many."""
        self._pieces += 1
        self._signs += len(piece.url)
        if self._pieces > _MOST_TOGETHER or self._signs > _MOST_SIGNS:
            raise broken("it has too many pieces, or their addresses are too long")
        return piece


@dataclass(frozen=True, slots=True)
class Track:
    """The pieces of one track, in runs: those of a run make one playable file when they are put one behind the other.

    ``drm`` names the systems that protect it; it is None for a track in the clear, and empty for a protected one whose
    systems are not named.
    """

    runs: tuple[tuple[Piece, ...], ...]
    drm: tuple[str, ...] | None = None

    @property
    def seconds(self) -> float:
        """How long it plays, 0 when its manifest does not say."""
        return sum(piece.seconds for piece in self.pieces())

    def pieces(self) -> Iterator[Piece]:
        """All pieces in order."""
        return (piece for run in self.runs for piece in run)

    def shape(self) -> str:
        """A mark that stays when the manifest is asked for anew and only its addresses have changed."""
        facts = [[[piece.start, piece.length, piece.seconds] for piece in run] for run in self.runs]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Offer:
    """A track that can be chosen. Either it is there, or its playlist has to be fetched from ``url`` first.

    ``bandwidth`` is in bits per second; ``sounds`` and ``texts`` name the groups of HLS renditions that belong to it,
    ``group`` the one that it is in itself. An HLS rendition without an address is in the pictures' own pieces.
    """

    kind: Kind
    url: str = ""
    track: Track | None = None
    lines: int = 0
    bandwidth: int = 0
    codecs: str = ""
    language: str = ""
    default: bool = False
    group: str = ""
    sounds: str = ""
    texts: str = ""


def address(base: str, reference: str) -> str:
    """Resolve an address of a manifest. Raises UserError for what is neither http nor https."""
    try:
        found = urljoin(base, reference.strip())
        scheme, host = urlsplit(found).scheme.lower(), urlsplit(found).hostname
    except ValueError:
        scheme, host = "", None
    if scheme not in ("http", "https") or not host:
        raise UserError("This stream leads to something that is not http or https, so it is not fetched.")
    return found


def language(text: str) -> str:
    """A language's tag, RFC 5646; empty for what can be none."""
    return text if re.fullmatch(r"[A-Za-z0-9-]{1,35}", text) else ""


def broken(what: str) -> UserError:
    """The error for a manifest that makes no sense."""
    return UserError(f"This stream cannot be understood: {what}.")
