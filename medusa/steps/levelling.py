"""Makes files that differ alike, by encoding them anew: in size, frame rate, codec and sound.

Each video is encoded for itself, and then they are copied one behind the other: with ffmpeg's concat filter, all would
be open at once, which takes 13 to 16 MB for each of 1280x720 (394 MB for 20, and 86 MB one by one). Sound is small
enough for that. It stays lossless in the parts, so that nothing is heard where they meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medusa.model import LocalFile, Media
from medusa.steps.alike import Tracks
from medusa.steps.encoders import Encoder
from medusa.steps.ffmpeg import command, target

SILENCE = "anullsrc"
_PROGRESS = ("-progress", "pipe:1", "-stats_period", "0.5", "-v", "error")
_MOST_FPS = 60.0
_USUAL_FPS = "25"
_FRACTIONS = {23.98: "24000/1001", 29.97: "30000/1001", 47.95: "48000/1001", 59.94: "60000/1001"}
_RATES = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000)


@dataclass(frozen=True, slots=True)
class Level:
    """What all files are brought to: pixels, frames a second as ffmpeg's ratio, samples a second, channel layout.

    ``rate`` is None where none of them has sound.
    """

    width: int
    height: int
    fps: str
    rate: int | None
    layout: str

    @property
    def sound(self) -> str:
        """The filter that brings sound there; what is missing in it becomes silence."""
        return f"aresample=async=1:first_pts=0,aformat=sample_rates={self.rate}:channel_layouts={self.layout}"

    def pictures(self, media: Media) -> str:
        """The filter that fits pictures of this size into the frame; what is left of it is black."""
        across, down = media.width or self.width, media.height or self.height
        factor = min(self.width / across, self.height / down)
        width, height = (min(most, _even(side * factor)) for side, most in ((across, self.width), (down, self.height)))
        pad = f"pad={self.width}:{self.height}:(ow-iw)/2:(oh-ih)/2"
        return f"scale={width}:{height},setsar=1,{pad},fps={self.fps},format=yuv420p"


def level_of(medias: Sequence[Media], tracks: Sequence[Tracks]) -> Level:
    """The largest frame, as it is shown, and the highest frame rate among the files; the sound that most can play."""
    largest = max(medias, key=lambda one: (one.width or 0) * (one.height or 0))
    rates = {one.rate for one in tracks if one.rate is not None}
    layouts = {one.layout for one in tracks if one.rate is not None}
    [rate] = rates if len(rates) == 1 else [48000]
    [layout] = layouts if len(layouts) == 1 else ["stereo"]
    known = [min(one.fps, _MOST_FPS) for one in tracks if one.fps]
    fastest = max(known, default=0.0)
    return Level(
        _even(largest.width or 2),
        _even(largest.height or 2),
        _FRACTIONS.get(fastest, f"{fastest:g}") if fastest else _USUAL_FPS,
        (rate if rate in _RATES else 48000) if rates else None,
        layout or "stereo",
    )


def _even(side: float) -> int:
    """The nearest number of pixels that the usual pixel format can have."""
    return max(2, round(side / 2) * 2)


def video_part(file: LocalFile, media: Media, level: Level, encoder: Encoder, ffmpeg: Path, made: Path) -> list[str]:
    """The command line that makes one video as all are to be."""
    has_sound = media.audio_codec is not None
    argv = command(ffmpeg, file.path)
    if level.rate and not has_sound:
        argv += ["-f", "lavfi", "-i", f"{SILENCE}=r={level.rate}:cl={level.layout}"]
    argv += ["-map", "0:V:0"]
    if level.rate:
        argv += ["-map", "0:a:0"] if has_sound else ["-map", "1:a:0", "-shortest"]
        # FLAC would be smaller, but its encoder takes no last block of less than 16 samples, wherever a file may end.
        argv += ["-filter:a", f"{level.sound}:sample_fmts=s16", "-c:a", "pcm_s16le"]
    if media.duration:
        argv += ["-t", f"{media.duration:.3f}"]
    filters = ",".join([level.pictures(media), *encoder.filters])
    argv += ["-filter:v", filters, "-c:v", encoder.name, *encoder.settings]
    argv += ["-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1", "-video_track_timescale", "90000"]
    return [*argv, *_PROGRESS, "-f", "mov", target(made)]


def songs_together(files: Sequence[LocalFile], level: Level) -> str:
    """The graph of filters that puts the sound of several inputs one behind the other."""
    leads = "".join(f"[{at}:a:0]{level.sound}[s{at}];" for at in range(len(files)))
    return leads + "".join(f"[s{at}]" for at in range(len(files))) + f"concat=n={len(files)}:v=0:a=1[sound]"
