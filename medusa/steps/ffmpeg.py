"""Asks ffmpeg what is in a file, and reads its answer."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from medusa import process
from medusa.errors import Broken, DiskFull
from medusa.model import Media
from medusa.names import display_name
from medusa.steps.mp4 import Layout, read_layout
from medusa.steps.tracks import Track, chapters_in, tracks_in
from medusa.tools import SAFE_INPUT

OPEN_FILES = Path("/proc/self/fd")
_SECONDS = 60.0
_MAX_PIXELS = 64 * 1024 * 1024
"""Twice the pixels of 8K; a file that claims more would eat the memory of a small machine."""
_DOUBT = "detected only with low score"
"""ffmpeg's warning that it has but guessed the format: then the name has to agree."""
_INPUT = re.compile(r"^Input #0, (?P<container>.+?), from '", re.MULTILINE)
_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", re.MULTILINE)
_RATE = re.compile(r"^  Duration: .*, bitrate: (\d+) kb/s", re.MULTILINE)
_FRAME = re.compile(
    r", (?P<width>\d{1,6})x(?P<height>\d{1,6})"
    r"(?: \[SAR (?P<across>\d+):(?P<down>\d+) DAR \d+:\d+\])?(?:, SAR (?P<across2>\d+):(?P<down2>\d+) DAR)?"
)
_ROTATION = re.compile(r"^ {6,}(?:Display Matrix|displaymatrix): rotation of (-?\d+(?:\.\d+)?) degrees", re.MULTILINE)
_COVERS = ("mjpeg", "png")
_OWN = {".srt": "srt", ".vtt": "webvtt", ".ass": "ass", ".jpg": "jpeg_pipe"}
"""ffmpeg's names of what no media file is taken for; see `own_input`."""
_TAG = re.compile(r"^ {4,6}(title|artist|album_artist) *: (.+)$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Look:
    """What a file is: ``media`` is None when ffmpeg finds none; ``layout`` is None when it is no MP4."""

    media: Media | None
    layout: Layout | None
    tracks: tuple[Track, ...] = ()


def command(ffmpeg: Path, source: Path, *before: str) -> list[str]:
    """Return the start of a command line, up to and with the input; ``before`` are options of the input."""
    return [str(ffmpeg), "-nostdin", "-hide_banner", "-y", *further_input(source, *before)]


def further_input(source: Path, *before: str) -> list[str]:
    """Return what has ffmpeg read one more file, with ``before`` as options of that input."""
    return [*SAFE_INPUT, "-max_pixels", str(_MAX_PIXELS), *before, "-i", target(source)]


def own_input(path: Path) -> list[str]:
    """Return what has ffmpeg read a file that Medusa has made: as what its ending says, and as nothing else."""
    kind = _OWN.get(path.suffix)
    if kind is None:
        return further_input(path)
    return ["-protocol_whitelist", "file,pipe", "-format_whitelist", kind, "-f", kind, "-i", target(path)]


def target(path: Path) -> str:
    """Spell a path so that nothing in it can be taken for an option or a protocol."""
    return f"file:{path.absolute()}"


def descriptors(path: Path) -> tuple[int, ...]:
    """The open files that a child has to inherit to read ``path``: that of a file in memory (memfd_create(2))."""
    return (int(path.name),) if path.parent == OPEN_FILES else ()


def expect_room(said: str) -> None:
    """Raise DiskFull when that is what ffmpeg's error text complains of."""
    if "No space left on device" in said or "Disk quota exceeded" in said:
        raise DiskFull


async def look(path: Path, ffmpeg: Path, workdir: Path, name: str = "") -> Look:
    """Probe a file, called ``name`` unless the path says it.

    ffmpeg alone ends with an error, since it is given nothing to write; only its words count.
    """
    layout = read_layout(path)
    try:
        done = await process.run(command(ffmpeg, path), cwd=workdir, timeout=_SECONDS, keep=descriptors(path))
    except Broken:
        return Look(None, layout)
    media = parse(done.err)
    ending = Path(name or path.name).suffix[1:].lower()
    if media and _DOUBT in done.err and ending not in media.container.split(","):
        return Look(None, layout)
    if media and layout:
        media = replace(media, streamable=layout.streamable and layout.brand != "qt")
    return Look(media, layout, tracks_in(done.err) if media else ())


def parse(text: str) -> Media | None:
    """Read ffmpeg's description of its first input; None when it found nothing that moves or sounds.

    The lines of a tag are indented further than those of a stream; a file that forges them by the name of a tag only
    lies about its own size.
    """
    found = _INPUT.search(text)
    if not found:
        return None
    tracks = tracks_in(text)
    sounds = [track for track in tracks if track.kind == "Audio"]
    pictures = [track for track in tracks if track.kind == "Video" and not track.is_cover]
    pictures = [track for track in pictures if _FRAME.search(track.rest)]
    covers = [track for track in tracks if track.is_cover and track.codec in _COVERS]
    if not sounds and not pictures:
        return None
    tags = {match[1].lower(): display_name(match[2]) for match in reversed(list(_TAG.finditer(text)))}
    rate = _RATE.search(text)
    media = Media(
        container=found["container"],
        duration=_duration(text),
        title=tags.get("title") or None,
        performer=tags.get("artist") or tags.get("album_artist") or None,
        bit_rate=int(rate[1]) * 1000 or None if rate else None,
        subtitles=tuple(track.language for track in tracks if track.kind == "Subtitle"),
        subtitle_codecs=" ".join(track.codec for track in tracks if track.kind == "Subtitle"),
        chapters=chapters_in(text),
        cover=covers[0].number if covers else None,
    )
    media = _with_sound(media, sounds[0]) if sounds else media
    return _with_picture(media, pictures[0]) if pictures else media


def _duration(text: str) -> float | None:
    found = _DURATION.search(text)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None


def _with_sound(media: Media, track: Track) -> Media:
    return replace(media, audio_codec=track.codec, channels=track.channels, sample_rate=track.sample_rate)


def _with_picture(media: Media, track: Track) -> Media:
    frame = _FRAME.search(track.rest)
    if frame is None:
        return media
    width, height = int(frame["width"]), int(frame["height"])
    # The container's word on the shape of pixels goes before the codec's, as in ffmpeg itself.
    across, down = (int(frame[f"{side}2"] or frame[side] or 1) for side in ("across", "down"))
    if across and down:
        width = round(width * across / down)
    rotation = _rotation(track.below)
    if rotation % 180 == 90:
        width, height = height, width
    return replace(
        media,
        width=width,
        height=height,
        rotation=rotation,
        video_codec=track.codec,
        profile=track.profile,
        frame_rate=track.frame_rate,
        pixels=track.pixels,
        hdr=track.hdr,
    )


def _rotation(below: str) -> int:
    """Return the clockwise turn in degrees (0, 90, 180, 270) that the stream's own side data asks for."""
    found = _ROTATION.search(below)
    return round(-float(found[1]) / 90) * 90 % 360 if found else 0
