"""Which encoder of this machine's ffmpeg makes a codec, found by asking and by trying."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medusa import process
from medusa.cage import Cage
from medusa.errors import Broken, UserError

_SECONDS = 60.0
_COMPUTING = 30
"""Seconds of one processor for a trial of a few frames."""
_FREELY = frozenset({"-b:v", "-maxrate", "-bufsize", "-g", "-r"})
"""The settings that each encoder of a codec understands alike; others are meant for software."""
_RATES = frozenset({"-b:v", "-crf", "-qp", "-q:v", "-b:a", "-q:a"})
"""The settings that say how good or how large it gets, in place of what an encoder does by itself."""


_SHARE = 0.6
"""The share of the machine's memory that one ffmpeg may take."""
_PROGRAM = 80_000_000
"""Bytes that ffmpeg takes before it holds a picture."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder by ffmpeg's name, the arguments that it always gets, and the filters that it needs before it.

    ``quality`` are the arguments that say how good it gets, where nobody asks for something else. ``nodes`` is
    a pattern of the devices below /dev that it needs as hardware, and ``devices`` are those that were found, of which
    the first is named to ffmpeg behind the option ``opened``.
    """

    name: str
    settings: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    quality: tuple[str, ...] = ()
    nodes: str = ""
    opened: str = ""
    devices: tuple[Path, ...] = ()
    held: int = 0
    """How many pictures are held in memory at once, about, those of the decoder and between the two included."""
    thrift: tuple[str, ...] = ()
    """The arguments with which it holds fewer pictures, and makes a little less of the bits."""
    held_then: int = 0

    def arguments(self, letter: str, settings: Sequence[str] = ()) -> list[str]:
        """What chooses it for the pictures (``v``) or the sound (``a``), with the settings that were asked for."""
        quality = () if _RATES & set(settings) else self.quality
        opened = [self.opened, str(self.devices[0])] if self.opened and self.devices else []
        return [*opened, f"-c:{letter}", self.name, *self.settings, *quality, *settings]


_PLAIN = ("-pix_fmt", "yuv420p")
_PI = "video1[0-9]"
_CARD = ("dri/renderD*", "-vaapi_device")
_UPLOAD = ("format=nv12", "hwupload")
_CHOICES = {
    "h264": (
        Encoder("h264_v4l2m2m", _PLAIN, (), ("-b:v", "4M"), _PI),
        Encoder("h264_vaapi", (), _UPLOAD, ("-qp", "24"), *_CARD),
        Encoder(
            *("libx264", ("-preset", "veryfast", *_PLAIN), (), ("-crf", "23")),
            held=72,
            thrift=("-threads", "1", "-x264-params", "rc-lookahead=0:sync-lookahead=0:bframes=0"),
            held_then=24,
        ),
    ),
    "hevc": (
        Encoder("hevc_vaapi", (), _UPLOAD, ("-qp", "26"), *_CARD),
        Encoder(
            *("libx265", ("-preset", "fast", *_PLAIN), (), ("-crf", "26")),
            held=110,
            thrift=("-x265-params", "rc-lookahead=5:lookahead-slices=0:pools=2:frame-threads=1:bframes=2"),
            held_then=76,
        ),
    ),
    "av1": (Encoder("libsvtav1", _PLAIN),),
    "vp9": (Encoder("libvpx-vp9", _PLAIN),),
    "aac": (Encoder("aac", (), (), ("-b:a", "160k")),),
    "mp3": (Encoder("libmp3lame", (), (), ("-q:a", "2")),),
    # It refuses channels that are laid out in other ways, such as those of a film's AC-3.
    "opus": (Encoder("libopus", (), ("aformat=channel_layouts=mono|stereo|5.1|7.1",), ("-b:a", "96k")),),
    "flac": (Encoder("flac"),),
}
"""The encoders of each codec, the best first."""
CODECS = {"h264": "H.264", "hevc": "H.265", "av1": "AV1", "vp9": "VP9", "aac": "AAC", "mp3": "MP3", "opus": "Opus"}
"""The codecs as people write them."""
_BY_NAME = {encoder.name: encoder for encoders in _CHOICES.values() for encoder in encoders}


async def encoder_for(codec: str, ffmpeg: Path, workdir: Path, settings: Sequence[str] = ()) -> Encoder:
    """The best encoder of a codec that works here, and that understands these settings. Raises UserError.

    Hardware is preferred where a trial with it succeeds. ``codec`` may name an encoder, which is then the only choice.
    """
    choices = _CHOICES.get(codec, (_BY_NAME.get(codec, Encoder(codec)),))
    if any(word.startswith("-") and word not in _FREELY for word in settings):
        choices = tuple(one for one in choices if not one.nodes)
    key = (ffmpeg, choices)
    if key not in _chosen:
        _chosen[key] = await first_of(choices, ffmpeg, workdir)
    encoder = _chosen[key]
    if encoder is None:
        raise UserError(f"This machine's ffmpeg cannot encode {codec}.")
    return encoder


async def first_of(choices: Sequence[Encoder], ffmpeg: Path, workdir: Path) -> Encoder | None:
    """The first encoder that this ffmpeg has and, if it is hardware, that a trial proves to work."""
    offered = await _offered(ffmpeg, workdir)
    for encoder in choices:
        found = replace(encoder, devices=_nodes(encoder))
        if encoder.name not in offered or encoder in _failed or (encoder.nodes and not found.devices):
            continue
        if not encoder.nodes or await works(found, ffmpeg, workdir):
            return found
    return None


def pass_over(encoder: Encoder) -> None:
    """Use this hardware no more, for as long as the process lives, since it failed."""
    _failed.add(replace(encoder, devices=()))
    for key in [key for key, chosen in _chosen.items() if chosen == encoder]:
        del _chosen[key]


async def works(encoder: Encoder, ffmpeg: Path, workdir: Path) -> bool:
    """Whether an encoder makes something of a few frames, in the cage that it gets at work."""
    argv = [str(ffmpeg), "-nostdin", "-hide_banner", "-v", "error", "-f", "lavfi"]
    argv += ["-i", "testsrc2=s=320x240:r=25:d=0.4", *(["-vf", ",".join(encoder.filters)] if encoder.filters else [])]
    argv += [*encoder.arguments("v"), "-f", "framecrc", "pipe:1"]
    try:
        done = await process.run(argv, cwd=workdir, timeout=_SECONDS, cage=cage_of(encoder, _COMPUTING))
    except Broken:
        return False
    return done.code == 0 and any(not line.startswith(b"#") for line in done.out.splitlines())


def thrifty(encoder: Encoder, size: tuple[int, int], memory: int | None = None) -> tuple[str, ...]:
    """What an encoder is told so that pictures of this size do not exhaust the machine; nothing where it has room.

    ``memory`` is what the machine has, in bytes, found out unless said. Raises UserError where nothing helps.
    """
    room = (memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) * _SHARE - _PROGRAM
    picture = size[0] * size[1] * 1.5
    if encoder.held * picture <= room:
        return ()
    if encoder.held_then * picture <= room:
        return encoder.thrift
    raise UserError(
        f"Encoding {size[0]}×{size[1]} pixels with {encoder.name} takes more memory than this machine has; "
        "scale them to 1080 first."
    )


def cage_of(encoder: Encoder | None, cpu: int) -> Cage:
    """The cage in which ffmpeg runs with an encoder: closed, but for the devices of hardware."""
    return Cage(cpu=cpu, devices=encoder.devices if encoder else ())


async def has_filters(names: Sequence[str], ffmpeg: Path, workdir: Path) -> bool:
    """Whether this ffmpeg has all of these filters."""
    return set(names) <= await _listed("-filters", ffmpeg, workdir)


def _nodes(encoder: Encoder) -> tuple[Path, ...]:
    return tuple(sorted(Path("/dev").glob(encoder.nodes))) if encoder.nodes else ()


_known: dict[tuple[str, Path], frozenset[str]] = {}
_chosen: dict[tuple[Path, tuple[Encoder, ...]], Encoder | None] = {}
_failed: set[Encoder] = set()


async def _offered(ffmpeg: Path, workdir: Path) -> frozenset[str]:
    """The encoders that this ffmpeg has."""
    return await _listed("-encoders", ffmpeg, workdir)


async def _listed(what: str, ffmpeg: Path, workdir: Path) -> frozenset[str]:
    """The names of what this ffmpeg has, which is asked once."""
    if (what, ffmpeg) not in _known:
        done = await process.run([str(ffmpeg), "-hide_banner", what], cwd=workdir, timeout=_SECONDS)
        rows = re.findall(r"^ ?\S{2,6} +(\S+) ", done.out.decode(errors="replace"), re.MULTILINE)
        _known[what, ffmpeg] = frozenset(rows)
    return _known[what, ffmpeg]
