"""Reads MPEG-DASH descriptions, ISO/IEC 23009-1."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from xml.etree import ElementTree as ET

from medusa.errors import UserError
from medusa.sources.streams.parts import MOST_PIECES, Kind, Offer, Piece, Tally, Track, address, broken, language
from medusa.steps.cenc import system

Element = ET.Element

_DURATION = re.compile(
    r"P(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9}(?:\.\d{1,20})?)S)?)?"
)
_VARIABLE = re.compile(r"\$(?:(RepresentationID|Number|Time|Bandwidth)(?:%0(\d{1,2})d)?)?\$")
_RANGE = re.compile(r"(\d{1,15})-(\d{1,15})")
_MOST_PERIODS = 1000


@dataclass(frozen=True, slots=True)
class _Period:
    """A period, with where it starts to resolve addresses and how many seconds it lasts (0 while unknown)."""

    element: Element
    base: str
    seconds: float


def read(text: str, base: str) -> list[Offer] | None:
    """The offers of a description; None for a live one. Raises UserError for what makes no sense."""
    # Without a document type there are no entities, so nothing in the text can swell.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise broken("its description brings a document type")
    try:
        root = ET.fromstring(text)  # noqa: S314
    except ET.ParseError:
        raise broken("its description is no XML") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if root.get("type") == "dynamic":
        return None
    periods = list(_periods(root, base))
    if not periods:
        raise broken("it has no periods")
    tally = Tally()
    return _joined([list(_offers(period, tally)) for period in periods])


def _periods(root: Element, base: str) -> Iterator[_Period]:
    found = root.findall("Period")
    total = _seconds(root.get("mediaPresentationDuration"))
    if len(found) > _MOST_PERIODS:
        raise broken("it has too many periods")
    starts, at = [], 0.0
    for element in found:
        at = _seconds(element.get("start")) or at
        starts.append(at)
        at += _seconds(element.get("duration"))
    for index, element in enumerate(found):
        end = starts[index + 1] if index + 1 < len(found) else total
        seconds = _seconds(element.get("duration")) or max(0.0, end - starts[index])
        yield _Period(element, _base(element, _base(root, base)), seconds)


def _seconds(text: str | None) -> float:
    found = _DURATION.fullmatch(text or "")
    if not found:
        return 0.0
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _base(element: Element, base: str) -> str:
    named = element.find("BaseURL")
    return address(base, named.text) if named is not None and named.text else base


def _offers(period: _Period, tally: Tally) -> Iterator[tuple[str, Offer]]:
    """Each representation as an offer of one run, with the name by which later periods go on with it."""
    for group in period.element.findall("AdaptationSet"):
        base = _base(group, period.base)
        for one in group.findall("Representation"):
            facts = {**group.attrib, **one.attrib}
            kind = _kind(facts, group, one)
            if kind is None:
                continue
            segments = _Segments.inherited([period.element, group, one])
            run = tuple(map(tally.take, segments.run(_base(one, base), facts, period.seconds)))
            if run:
                drm = _protection(group, one)
                yield facts.get("id", ""), _offer(kind, facts, group, Track((run,), drm))


def _kind(facts: Mapping[str, str], group: Element, one: Element) -> Kind | None:
    names = [facts.get("contentType", ""), facts.get("mimeType", "").partition("/")[0]]
    names += [part.get("contentType", "") for part in (*group.findall("ContentComponent"), one)]
    if "codecs" in facts and re.match(r"stpp|wvtt", facts["codecs"]):
        return Kind.TEXT
    for name in names:
        if name in ("video", "audio", "text"):
            return Kind(name)
    return None


def _offer(kind: Kind, facts: Mapping[str, str], group: Element, track: Track) -> Offer:
    sides = [int(facts[side]) for side in ("width", "height") if re.fullmatch(r"\d{1,5}", facts.get(side, ""))]
    roles = [role.get("value") for role in group.findall("Role")]
    rate = facts.get("bandwidth", "")
    return Offer(
        kind,
        track=track,
        lines=min(sides, default=0),
        bandwidth=int(rate) if re.fullmatch(r"\d{1,12}", rate) else 0,
        codecs=facts.get("codecs", ""),
        language=language(facts.get("lang", "")),
        default="main" in roles or not roles,
    )


def _protection(*elements: Element) -> tuple[str, ...] | None:
    found = [tag for element in elements for tag in element.findall("ContentProtection")]
    if not found:
        return None
    names = [system(tag.get("schemeIdUri", "")) for tag in found]
    return tuple(dict.fromkeys(name for name in names if name))


@dataclass(frozen=True, slots=True)
class _Segments:
    """How the pieces of a representation are told: attributes and elements of the nearest level win (5.3.9)."""

    attributes: Mapping[str, str]
    elements: Mapping[str, Element]
    listed: tuple[Element, ...]
    template: bool

    @classmethod
    def inherited(cls, levels: list[Element]) -> "_Segments":
        attributes: dict[str, str] = {}
        elements: dict[str, Element] = {}
        listed: tuple[Element, ...] = ()
        template = False
        for level in levels:
            for told in (level.find(name) for name in ("SegmentBase", "SegmentList", "SegmentTemplate")):
                if told is not None:
                    attributes |= told.attrib
                    elements |= {child.tag: child for child in told}
                    listed = tuple(told.findall("SegmentURL")) or listed
                    template = template or told.tag == "SegmentTemplate"
        return cls(attributes, elements, listed, template)

    def number(self, name: str, default: int) -> int:
        text = self.attributes.get(name, "")
        return int(text) if re.fullmatch(r"\d{1,15}", text) else default

    def run(self, base: str, facts: Mapping[str, str], seconds: float) -> Iterator[Piece]:
        if self.listed:
            return self._from_list(base, seconds)
        if self.template and "media" in self.attributes:
            return self._from_template(base, facts, seconds)
        return iter((Piece(base, seconds=seconds),))

    def _from_list(self, base: str, seconds: float) -> Iterator[Piece]:
        first = self.elements.get("Initialization")
        if first is not None:
            yield _piece(base, first.get("sourceURL"), first.get("range"))
        times = [length for _, length in islice(self._timeline(seconds), len(self.listed))]
        each = self.number("duration", 0) / max(1, self.number("timescale", 1))
        for index, one in enumerate(self.listed):
            lasts = times[index] if index < len(times) else each
            yield _piece(base, one.get("media"), one.get("mediaRange"), lasts)

    def _from_template(self, base: str, facts: Mapping[str, str], seconds: float) -> Iterator[Piece]:
        known = {"RepresentationID": facts.get("id", ""), "Bandwidth": facts.get("bandwidth", "")}
        first = self.elements.get("Initialization")
        if "initialization" in self.attributes:
            yield Piece(address(base, _filled(self.attributes["initialization"], known)))
        elif first is not None:
            yield _piece(base, first.get("sourceURL"), first.get("range"))
        number = self.number("startNumber", 1)
        for time, lasts in self._timeline(seconds):
            values = {**known, "Number": str(number), "Time": str(time)}
            yield Piece(address(base, _filled(self.attributes["media"], values)), seconds=lasts)
            number += 1

    def _timeline(self, seconds: float) -> Iterator[tuple[int, float]]:
        """When each piece begins, in units of the timescale, and how many seconds it lasts."""
        scale = max(1, self.number("timescale", 1))
        told = self.elements.get("SegmentTimeline")
        if told is not None:
            yield from self._told(told, scale, seconds)
            return
        lasts = self.number("duration", 0)
        if not lasts:
            return
        last = self.number("endNumber", 0) - self.number("startNumber", 1) + 1
        count = last if last > 0 else math.ceil(round(seconds * scale / lasts, 6))
        if not count and not self.listed:
            raise broken("it does not say how long it is")
        _bounded(count)
        yield from ((index * lasts, lasts / scale) for index in range(count))

    def _told(self, told: Element, scale: int, seconds: float) -> Iterator[tuple[int, float]]:
        lines = [{name: int(value) for name, value in s.attrib.items() if _is_number(value)} for s in told.findall("S")]
        time, count = 0, 0
        end = self.number("presentationTimeOffset", 0) + round(seconds * scale)
        for index, line in enumerate(lines):
            time, lasts = line.get("t", time), line.get("d", 0)
            if lasts <= 0:
                raise broken("a piece of it lasts no time")
            until = next((later["t"] for later in lines[index + 1 : index + 2] if "t" in later), end)
            again = line.get("r", 0)
            if again < 0:
                # A negative count repeats the line until the next one or the end of the period (5.3.9.6.2).
                again = max(-1, math.ceil((until - time) / lasts) - 1)
            count += again + 1
            _bounded(count)
            for _ in range(again + 1):
                yield time, lasts / scale
                time += lasts


def _bounded(count: int) -> None:
    if count > MOST_PIECES:
        raise broken(f"it has more than {MOST_PIECES:,} pieces")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d{1,18}", text) is not None


def _piece(base: str, url: str | None, span: str | None, seconds: float = 0.0) -> Piece:
    """One piece of a list: a file, or a range of bytes whose last is named, too."""
    where = address(base, url) if url else base
    if span is None:
        return Piece(where, seconds=seconds)
    found = _RANGE.fullmatch(span.strip())
    if not found or int(found[2]) < int(found[1]):
        raise broken("a byte range is none")
    return Piece(where, int(found[1]), int(found[2]) - int(found[1]) + 1, seconds=seconds)


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Put the values into a template; ``$$`` is a dollar sign (5.3.9.4.4)."""

    def value(found: re.Match[str]) -> str:
        if not found[1]:
            return "$"
        text = values.get(found[1], "")
        return text.zfill(int(found[2])) if found[2] else text

    return _VARIABLE.sub(value, template)


def _joined(periods: list[list[tuple[str, Offer]]]) -> list[Offer]:
    """Make one offer of what goes on through all periods; the longest period says what there is to choose."""
    longest = max(periods, key=lambda offers: max((_length(offer) for _, offer in offers), default=0.0))
    joined = []
    for name, offer in longest:
        tracks = [found for offers in periods if (found := _going_on(name, offer, offers)) is not None]
        runs = tuple(run for track in tracks for run in track.runs)
        locks = [track.drm for track in tracks if track.drm is not None]
        drm = tuple(dict.fromkeys(name for names in locks for name in names)) if locks else None
        if runs and (len(tracks) == len(periods) or offer.kind is Kind.TEXT):
            joined.append(replace(offer, track=Track(runs, drm)))
    if {Kind.VIDEO, Kind.AUDIO} & (
        {offer.kind for _, offer in longest} - {offer.kind for offer in joined}
    ) or not joined:
        raise UserError("The parts of this stream do not fit together: no track runs through all of them.")
    return joined


def _length(offer: Offer) -> float:
    return offer.track.seconds if offer.track is not None else 0.0


def _going_on(name: str, wanted: Offer, offers: list[tuple[str, Offer]]) -> Track | None:
    """What continues an offer in another period: the same name, else the nearest of its kind and language."""
    alike = [(other, offer) for other, offer in offers if offer.kind is wanted.kind]

    def distance(one: tuple[str, Offer]) -> tuple[bool, bool, int, int]:
        other, offer = one
        return (
            offer.language != wanted.language,
            not (name and other == name),
            abs(offer.lines - wanted.lines),
            abs(offer.bandwidth - wanted.bandwidth),
        )

    return min(alike, key=distance)[1].track if alike else None
