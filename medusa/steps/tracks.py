"""Reads what ffmpeg says of the tracks of a file."""

import re
from dataclasses import dataclass
from typing import Literal

from medusa.model import Hdr

_TRACK = re.compile(
    r"^  Stream #0:(?P<number>\d+)(?:\[0x[0-9a-f]+\])?(?:\((?P<language>\w{2,8})\))?: (?P<kind>Video|Audio|Subtitle): "
    r"(?P<codec>\w+)(?: \((?!default\)|forced\))[a-z0-9_]+\))?"
    r"(?: \((?!default\)|forced\))(?P<profile>[^()/\n]{1,40})\))?(?P<rest>.*)$",
    re.MULTILINE,
)
"""The codec may be followed by the decoder's name, which is in small letters, by the codec's profile, and by whether
the track is to be shown unasked."""
_NEXT = re.compile(r"^  \S|^\S", re.MULTILINE)
_PIXELS = re.compile(r", ([a-z][a-z0-9]+)(?:\(([^)]*)\))?")
_FRAMES = re.compile(r", (\d+(?:\.\d+)?)(k?) fps")
_BITS = re.compile(r", (\d+) kb/s")
_SOUND = re.compile(r", (\d+) Hz, ([^,]+)")
_DOLBY = re.compile(r"^ +DOVI configuration record: ", re.MULTILINE)
_CHAPTER = re.compile(r"^    Chapter #0:\d+: ", re.MULTILINE)
_CURVES: dict[str, Hdr] = {"smpte2084": "HDR10", "arib-std-b67": "HLG"}
"""The transfer functions of video that is brighter than screens used to be."""


@dataclass(frozen=True, slots=True)
class Track:
    """One track; what is not told, or does not apply, is None or empty.

    ``number`` counts all tracks from 0 on. ``rest`` is what ffmpeg says behind the codec, ``below`` what it says of the
    track in further lines.
    """

    kind: Literal["Video", "Audio", "Subtitle"]
    number: int
    codec: str
    profile: str | None
    language: str
    rest: str
    below: str

    @property
    def is_cover(self) -> bool:
        """Whether it is a picture that was attached to the file."""
        return "(attached pic)" in self.rest

    @property
    def pixels(self) -> str | None:
        """The pixel format, for instance ``yuv420p10le``."""
        found = _PIXELS.search(self.rest)
        return found[1] if found and found[1] != "none" else None

    @property
    def hdr(self) -> Hdr:
        """The kind of high dynamic range."""
        if _DOLBY.search(self.below):
            return "Dolby Vision"
        found = _PIXELS.search(self.rest)
        colours = re.split(r"[,/ ]+", found[2] or "") if found else []
        return next((name for curve, name in _CURVES.items() if curve in colours), "")

    @property
    def frame_rate(self) -> float | None:
        """Frames a second."""
        found = _FRAMES.search(self.rest)
        return float(found[1]) * (1000 if found[2] else 1) if found else None

    @property
    def bit_rate(self) -> int | None:
        """Bits a second."""
        found = _BITS.search(self.rest)
        return int(found[1]) * 1000 or None if found else None

    @property
    def channels(self) -> str | None:
        """The layout of the channels, for instance ``stereo`` or ``5.1(side)``."""
        found = _SOUND.search(self.rest)
        return found[2].strip() if found else None

    @property
    def sample_rate(self) -> int | None:
        """Samples a second."""
        found = _SOUND.search(self.rest)
        return int(found[1]) if found else None


def tracks_in(text: str) -> tuple[Track, ...]:
    """The tracks of pictures, sound and subtitles in ffmpeg's description of its first input, in their order."""
    return tuple(_track(found, text) for found in _TRACK.finditer(text))


def _track(found: re.Match[str], text: str) -> Track:
    end = _NEXT.search(text, found.end())
    below = text[found.end() : end.start() if end else len(text)]
    language = found["language"] or "und"
    number, codec, profile = int(found["number"]), found["codec"], found["profile"]
    return Track(found["kind"], number, codec, profile, language, found["rest"], below)  # type: ignore[arg-type]


def chapters_in(text: str) -> int:
    """How many chapters the description names."""
    return len(_CHAPTER.findall(text))
