"""What one run of ffmpeg is to make of a file, put together wish by wish before anything runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from medusa.model import LocalFile, Media, Shape

Range = tuple[float, float | None]
"""Seconds from the beginning; without an end it runs to the file's."""

FITS_MP4 = (frozenset({None, "h264", "hevc", "av1", "mpeg4"}), frozenset({None, "aac", "mp3", "ac3", "eac3", "opus"}))
"""The codecs of pictures and of sound that players expect in an MP4."""

TURNS = {90: ("transpose=clock",), 180: ("hflip", "vflip"), 270: ("transpose=cclock",)}
"""The filters that turn pictures clockwise, by degrees."""

TEXTS = frozenset({"subrip", "srt", "mov_text", "webvtt", "ass", "ssa", "text"})
"""The codecs of subtitles that are text; the others are pictures."""
_COVERED = frozenset({"mp3", "m4a", "flac"})
"""The containers of sound that can hold a cover, by their extensions."""
SOUND_IN = {
    "mp3": "mp3",
    "m4a": "aac",
    "aac": "aac",
    "flac": "flac",
    "ogg": "opus",
    "opus": "opus",
    "wav": "pcm_s16le",
}
"""What sound alone is encoded to, by the extension of its container; each of them holds one track."""
_CODEC_OF = {
    "libx264": "h264",
    "libx265": "hevc",
    "libmp3lame": "mp3",
    "libopus": "opus",
    "libvpx-vp9": "vp9",
    "libsvtav1": "av1",
}
"""The codecs that encoders of other names make."""


@dataclass(frozen=True, slots=True)
class Track:
    """How the pictures or the sound are treated.

    ``codec`` is ffmpeg's name of what they are encoded to, empty to take them over as they are; ``settings`` are
    arguments of that encoder, and ``filters`` what they pass through before it, which needs a codec.
    """

    codec: str = ""
    filters: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    dropped: bool = False
    turn: int = 0
    """Degrees clockwise by which pictures are turned before anything else, by the word of the container where it has
    one and nothing is encoded."""

    def through(self, *filters: str) -> "Track":
        """The track with more filters behind those that it has."""
        return replace(self, filters=self.filters + filters)

    def makes(self, had: str | None, usual: str) -> str | None:
        """The codec of what comes out, of a source that ``had`` one; ``usual`` is what is encoded to unless said."""
        codec = self.codec or (usual if self.filters else had)
        return _CODEC_OF.get(codec or "", codec)

    @property
    def encodes(self) -> bool:
        """Whether anything is encoded anew."""
        return not self.dropped and bool(self.codec or self.filters)


@dataclass(frozen=True, slots=True)
class Draft:
    """One run of ffmpeg over ``source``, whose ``media`` are known; each step adds what its wish asks for.

    As it begins, it takes everything over as it is.
    """

    source: LocalFile
    media: Media
    ranges: tuple[Range, ...] = ()
    """What is kept, in this order; nothing stands for all of it."""
    exact: bool = False
    """Whether the ranges begin where they say and not at the key frame before, which needs encoding."""
    video: Track = Track()
    audio: Track = Track()
    subtitles: bool = True
    """Whether subtitle tracks are kept, where the container can hold them."""
    ending: str = ""
    """The file name's extension without its dot, which names the container; empty for MP4 where that fits."""
    inputs: tuple[Path, ...] = ()
    """Further files to read, numbered from 1 on."""
    maps: tuple[str, ...] = ()
    """What is taken of ``inputs``, as values of ``-map``."""
    output: tuple[str, ...] = ()
    """Further arguments of the output."""
    picture: str = ""
    """What becomes the cover of sound, as a value of ``-map``, in place of the source's own."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What is written into the file about it, by ffmpeg's names such as ``title``."""
    frame: tuple[int, int] | None = None
    """Width and height of the pictures made, None for the source's."""
    longest: float | None = None
    """Seconds after which what is made ends at the latest."""
    again: "Callable[[Draft, int], Draft | None] | None" = None
    """Asked of this draft and the bytes that came of it: the draft to try in its place, None when they will do."""
    shape: Shape = ""
    said: tuple[str, ...] = ()
    """What is done, in words for the owner."""

    def seen(self, width: int, height: int, *filters: str) -> "Draft":
        """The draft with filters that make its pictures this wide and high."""
        return replace(self, frame=(width, height), video=self.video.through(*filters))

    def saying(self, words: str) -> "Draft":
        """The draft with one more thing that it does."""
        return replace(self, said=(*self.said, words))

    @property
    def encodes(self) -> bool:
        """Whether pictures or sound are encoded anew."""
        return (self.has_video and self.video.encodes) or (self.has_audio and self.audio.encodes)

    @property
    def has_video(self) -> bool:
        """Whether there are pictures in what is made."""
        return self.media.video_codec is not None and not self.video.dropped

    @property
    def has_audio(self) -> bool:
        """Whether there is sound in what is made."""
        return self.media.audio_codec is not None and not self.audio.dropped

    @property
    def duration(self) -> float | None:
        """Seconds of what is made, None while unknown."""
        kept = self._kept
        return kept if kept is None or self.longest is None else min(kept, self.longest)

    @property
    def _kept(self) -> float | None:
        """Seconds of the ranges."""
        whole = self.media.duration
        if not self.ranges:
            return whole
        if whole is None and any(end is None for _, end in self.ranges):
            return None
        ends = ((start, whole if end is None else min(end, whole or end)) for start, end in self.ranges)
        return sum(max(0.0, (end or 0.0) - start) for start, end in ends)

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the pictures made, as they are shown; None while unknown."""
        if self.frame is not None:
            return self.frame
        width, height = self.media.width, self.media.height
        return (width, height) if width and height else None

    @property
    def sound(self) -> str:
        """The codec that sound is encoded to where nobody asks for one."""
        return "aac" if self.has_video else SOUND_IN.get(self.container, "aac")

    @property
    def cover(self) -> str:
        """What becomes the cover, as a value of ``-map``; empty where there is none, or no place for it."""
        if self.has_video or self.container not in _COVERED:
            return ""
        return self.picture or (f"0:{self.media.cover}" if self.media.cover is not None else "")

    @property
    def container(self) -> str:
        """The extension of what is made: as wished, MP4 where its codecs fit, the source's own or Matroska."""
        if self.ending:
            return self.ending
        own = Path(self.source.name).suffix[1:].lower()
        if not self.has_video:
            return "m4a" if self.audio.encodes and own not in SOUND_IN else own or "mka"
        video = self.video.makes(self.media.video_codec, "h264")
        audio = self.audio.makes(self.media.audio_codec, self.sound) if self.has_audio else None
        if video in FITS_MP4[0] and audio in FITS_MP4[1]:
            return "mp4"
        return "webm" if own == "webm" and not self.encodes else "mkv"
