"""Reads HLS playlists, RFC 8216."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from medusa.errors import UserError
from medusa.sources.streams.parts import (
    MOST_OFFERS,
    MOST_PIECES,
    MOST_RUNS,
    Kind,
    Lock,
    Offer,
    Piece,
    Tally,
    Track,
    address,
    broken,
    language,
)
from medusa.steps.cenc import refusal, system

# Names are tried from their beginnings on only: the time for a long line would else grow with its square.
_ATTRIBUTE = re.compile(r'(?<![A-Z0-9-])([A-Z0-9-]{1,64})=(?:"([^"]*)"|([^",]*))')
_RANGE = re.compile(r"(\d{1,15})(?:@(\d{1,15}))?")
_SOUND = re.compile(r"mp4a|ac-[34]|ec-3|opus|flac|alac|vorbis|mp3", re.IGNORECASE)
_IDENTITY = "identity"
_MOST_KEYS = 20
"""Systems by which the same pieces may be opened."""

Attributes = dict[str, str]


def is_master(text: str) -> bool:
    """Whether the playlist lists playlists; the other kind has a target duration (section 4.3.3.1)."""
    return "#EXT-X-STREAM-INF" in text and "#EXT-X-TARGETDURATION" not in text


def is_live(text: str) -> bool:
    """Whether more may still be added to a media playlist."""
    return "#EXT-X-ENDLIST" not in text and not re.search(r"#EXT-X-PLAYLIST-TYPE:\s*VOD", text)


def read_master(text: str, base: str) -> list[Offer]:
    """The variants and renditions of a master playlist."""
    offers: list[Offer] = []
    variant: Attributes | None = None
    for tag, value in _lines(text):
        if tag == "EXT-X-MEDIA":
            offers += _rendition(_attributes(value), base)
        elif tag == "EXT-X-STREAM-INF":
            variant = _attributes(value)
        elif not tag and variant is not None:
            offers.append(_variant(variant, address(base, value)))
            variant = None
        if len(offers) > MOST_OFFERS:
            raise broken(f"it offers more than {MOST_OFFERS} versions")
    return offers


def _rendition(media: Attributes, base: str) -> list[Offer]:
    kinds = {"AUDIO": Kind.AUDIO, "SUBTITLES": Kind.TEXT}
    kind = kinds.get(media.get("TYPE", ""))
    if kind is None or (kind is Kind.TEXT and not media.get("URI")):
        return []
    url = address(base, media["URI"]) if media.get("URI") else ""
    spoken, default = language(media.get("LANGUAGE", "")), media.get("DEFAULT") == "YES"
    return [Offer(kind, url, language=spoken, default=default, group=media.get("GROUP-ID", ""))]


def _variant(variant: Attributes, url: str) -> Offer:
    codecs = variant.get("CODECS", "")
    names = [name for name in codecs.split(",") if name.strip()]
    sound = bool(names) and all(_SOUND.match(name.strip()) for name in names) and "RESOLUTION" not in variant
    sides = [int(side) for side in re.findall(r"\d{1,5}", variant.get("RESOLUTION", ""))]
    rate = variant.get("AVERAGE-BANDWIDTH") or variant.get("BANDWIDTH", "")
    return Offer(
        Kind.AUDIO if sound else Kind.VIDEO,
        url,
        lines=min(sides, default=0),
        bandwidth=int(rate) if re.fullmatch(r"\d{1,12}", rate) else 0,
        codecs=codecs,
        default=sound,
        sounds=variant.get("AUDIO", ""),
        texts=variant.get("SUBTITLES", ""),
    )


def read_media(text: str, base: str) -> Track:
    """The track of a media playlist. Raises UserError for what no key at hand could open."""
    reader = _Reader(base)
    for tag, value in _lines(text):
        reader.see(tag, value)
    runs = tuple(tuple(run) for run in reader.runs if run)
    if not runs:
        raise broken("it has no pieces")
    return Track(runs, reader.drm)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Tags with what follows their colon; an address has the empty tag."""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("#EXT"):
            tag, _, value = line[1:].partition(":")
            yield tag, value
        elif line and not line.startswith("#"):
            yield "", line


def _attributes(text: str) -> Attributes:
    return {name: quoted or plain.strip() for name, quoted, plain in _ATTRIBUTE.findall(text)}


@dataclass(slots=True)
class _Reader:
    """What the lines so far mean for the next piece."""

    base: str
    runs: list[list[Piece]] = field(default_factory=lambda: [[]])
    drm: tuple[str, ...] | None = None
    sequence: int = 0
    count: int = 0
    seconds: float = 0.0
    span: tuple[int, int] | None = None
    gap: bool = False
    keys: dict[str, Attributes] = field(default_factory=dict)
    first: Piece | None = None
    """What every run has to begin with: its EXT-X-MAP."""
    tally: Tally = field(default_factory=Tally)
    ends: dict[str, int] = field(default_factory=dict)
    """Where the last byte range of each file ended."""

    def see(self, tag: str, value: str) -> None:
        match tag:
            case "":
                self._piece(address(self.base, value))
            case "EXTINF":
                found = re.match(r"\d{1,9}(?:\.\d{1,9})?", value)
                self.seconds = float(found[0]) if found else 0.0
            case "EXT-X-BYTERANGE":
                self.span = _span(value)
            case "EXT-X-MEDIA-SEQUENCE":
                self.sequence = int(value) if re.fullmatch(r"\d{1,18}", value) else 0
            case "EXT-X-DISCONTINUITY":
                self._break()
            case "EXT-X-GAP":
                self.gap = True
            case "EXT-X-KEY":
                self._key(_attributes(value))
            case "EXT-X-MAP":
                self._map(_attributes(value))

    def _break(self) -> None:
        if self.runs[-1]:
            self.runs.append([])
        if len(self.runs) > MOST_RUNS:
            raise broken(f"it begins anew more than {MOST_RUNS:,} times")

    def _piece(self, url: str) -> None:
        start, length = self._bytes(url, self.span)
        piece = self.tally.take(Piece(url, start, length, self._lock(), self.seconds))
        if not self.gap:
            self._protect()
            if not self.runs[-1] and self.first is not None:
                self.runs[-1].append(self.first)
            self.runs[-1].append(piece)
        self.sequence += 1
        self.count += 1
        self.span, self.gap, self.seconds = None, False, 0.0
        if self.count > MOST_PIECES:
            raise broken(f"it has more than {MOST_PIECES:,} pieces")

    def _bytes(self, url: str, span: tuple[int, int] | None) -> tuple[int, int | None]:
        """Start and length of a range; one that names no start begins where the last of its file ended (4.3.2.2)."""
        if span is None:
            return 0, None
        length, start = span
        if start < 0:
            start = self.ends.get(url, 0)
        self.ends[url] = start + length
        return start, length

    def _key(self, key: Attributes) -> None:
        """Several keys of different formats may hold for the same pieces (4.3.2.4)."""
        method = key.get("METHOD", "NONE")
        if method == "NONE":
            self.keys.clear()
            return
        form = key.get("KEYFORMAT") or _IDENTITY
        self.keys[form] = key
        if len(self.keys) > _MOST_KEYS:
            raise broken("it names too many keys")
        if method not in ("AES-128", "SAMPLE-AES", "SAMPLE-AES-CTR"):
            raise UserError(f"This stream is encrypted in a way ({method[:40]}) that Medusa cannot open.")

    def _protect(self) -> None:
        """Note the systems that protect the pieces from here on, unless their key is published as well."""
        if not self.keys or self._lock() is not None:
            return
        names = [_protector(form, key) for form, key in self.keys.items()]
        self.drm = tuple(dict.fromkeys([*(self.drm or ()), *(name for name in names if name)]))
        if self.first is None:
            raise UserError(f"{refusal(self.drm)}, and not for a stream of this form (MPEG-TS).")

    def _lock(self) -> Lock | None:
        key = self.keys.get(_IDENTITY)
        if key is None or key["METHOD"] != "AES-128" or key.get("URI", "").lower().startswith("skd:"):
            return None
        if not key.get("URI"):
            raise broken("it names no key")
        vector = key.get("IV", "")[2:].rjust(32, "0") if "IV" in key else f"{self.sequence:032x}"
        if not re.fullmatch(r"[0-9a-fA-F]{32}", vector):
            raise broken("its initialisation vector is none")
        return Lock(address(self.base, key["URI"]), bytes.fromhex(vector))

    def _map(self, named: Attributes) -> None:
        url = address(self.base, named.get("URI", ""))
        length, start = _span(named["BYTERANGE"]) if "BYTERANGE" in named else (None, 0)
        first = Piece(url, max(0, start), length, self._lock())
        if self.first is not None and (first.url, first.start) != (self.first.url, self.first.start):
            self._break()
        self.first = first


def _protector(form: str, key: Attributes) -> str:
    if key.get("URI", "").lower().startswith("skd:"):
        return "FairPlay"
    return key["METHOD"] if form == _IDENTITY else system(form)


def _span(value: str) -> tuple[int, int]:
    """Length and start of a byte range; the start is -1 where it is left out."""
    found = _RANGE.match(value.strip())
    if not found:
        raise broken("a byte range is none")
    return int(found[1]), int(found[2]) if found[2] else -1
