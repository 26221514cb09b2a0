"""Which encoder of this machine's ffmpeg makes a codec, found by asking and by trying."""

from dataclasses import dataclass
from pathlib import Path

from medusa import process
from medusa.errors import UserError

_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder by ffmpeg's name, the arguments that it always gets, and the filters that it needs before it."""

    name: str
    settings: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()


_CHOICES = {
    "h264": (Encoder("libx264", ("-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p")),),
    "hevc": (Encoder("libx265", ("-preset", "fast", "-crf", "26", "-pix_fmt", "yuv420p")),),
    "aac": (Encoder("aac", ("-b:a", "160k")),),
    "mp3": (Encoder("libmp3lame", ("-q:a", "2")),),
    # It refuses channels that are laid out in other ways, such as those of a film's AC-3.
    "opus": (Encoder("libopus", ("-b:a", "96k"), ("aformat=channel_layouts=mono|stereo|5.1|7.1",)),),
    "flac": (Encoder("flac"),),
}
"""The encoders of each codec, the best first."""


async def encoder_for(codec: str, ffmpeg: Path, workdir: Path) -> Encoder:
    """The first encoder of a codec that this ffmpeg has. Raises UserError when it has none."""
    offered = await _offered(ffmpeg, workdir)
    for encoder in _CHOICES.get(codec, (Encoder(codec),)):
        if encoder.name in offered:
            return encoder
    raise UserError(f"This machine's ffmpeg cannot encode {codec}.")


_known: dict[Path, frozenset[str]] = {}


async def _offered(ffmpeg: Path, workdir: Path) -> frozenset[str]:
    """The encoders that this ffmpeg has, which is asked once."""
    if ffmpeg not in _known:
        done = await process.run([str(ffmpeg), "-hide_banner", "-encoders"], cwd=workdir, timeout=_SECONDS)
        rows = done.out.decode(errors="replace").partition("------")[2].splitlines()
        _known[ffmpeg] = frozenset(row.split()[1] for row in rows if len(row.split()) > 1)
    return _known[ffmpeg]
