"""Spells the command lines with which ffmpeg makes what a draft says."""

from pathlib import Path

from medusa.steps import cutting
from medusa.steps.cutting import Reading
from medusa.steps.draft import SOUND_IN, TEXTS, Draft, Track
from medusa.steps.encoders import Encoder, encoder_for, has_filters, thrifty
from medusa.steps.ffmpeg import command, further_input, own_input, target

PROGRESS = ("-progress", "pipe:1", "-stats_period", "0.5", "-v", "error")
USUAL = {"v": "h264", "a": "aac"}
"""What is encoded to unless said."""
_USUAL_SIZE = (1920, 1080)
"""Of pictures whose size is unknown."""
_EVEN = "crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0"
"""Most encoders take no odd sides."""
_TONES = (
    "zscale=t=linear:npl=100",
    "format=gbrpf32le",
    "zscale=p=bt709",
    "tonemap=hable:desat=0",
    "zscale=t=bt709:m=bt709:r=tv",
    "format=yuv420p",
)
"""The filters that bring pictures for bright displays to what all displays show."""
_MUXERS = {
    "mp4": ("mp4", "-movflags", "+faststart"),
    "m4a": ("ipod", "-movflags", "+faststart"),
    "mkv": ("matroska",),
    "mka": ("matroska",),
    "ts": ("mpegts",),
    "ogg": ("ogg",),
    "opus": ("ogg",),
    "aac": ("adts",),
    "mp3": ("mp3", "-id3v2_version", "3"),
    "wav": ("wav", "-rf64", "auto"),
}
"""ffmpeg's names of the containers that are not called like their extension, with what each of them is told."""
_OF_MP4 = ("major_brand", "minor_version", "compatible_brands")
"""What MP4 says of itself, which other containers would take for tags."""


async def arguments(draft: Draft, ffmpeg: Path, workdir: Path, made: Path, reading: Reading) -> list[str]:
    """The command line that makes ``made`` of a draft. Raises UserError where an encoder is missing."""
    argv = command(ffmpeg, reading.first.path, *reading.first.options)
    for path in draft.inputs:
        argv += own_input(path)
    for one in reading.last:
        argv += further_input(one.path, *one.options)
    behind = len(draft.inputs) + 1
    argv += await _streams(draft, ffmpeg, workdir, reading, behind)
    argv += ["-tag:v", "hvc1"] if _is_hevc(draft) and draft.container == "mp4" else []
    argv += ["-dn", *_tags(draft, behind if reading.described else 0), *reading.output]
    # Of two limits of the length the last one counts.
    argv += ["-t", f"{draft.longest:.3f}"] if draft.longest is not None and draft.duration == draft.longest else []
    return [*argv, *muxer_of(draft.container), *draft.output, "-strict", "-2", *PROGRESS, target(made)]


async def _streams(draft: Draft, ffmpeg: Path, workdir: Path, reading: Reading, behind: int) -> list[str]:
    """What is taken of the inputs, and what becomes of it; ``behind`` is the first input of the reading's further."""
    video = await _track(draft, "v", ffmpeg, workdir) if draft.has_video else []
    audio = await _track(draft, "a", ffmpeg, workdir) if draft.has_audio else []
    if reading.filtered:
        video, filters = _apart(video)
        audio, sound_filters = _apart(audio)
        numbers = (0, *range(behind, behind + len(reading.last)))
        argv = cutting.graph(draft, numbers, filters, sound_filters)
    else:
        argv = ["-map", "0:V:0"] if draft.has_video else []
        argv += ["-map", "0:a:0" if _is_one_track(draft) else "0:a?"] if draft.has_audio else []
    argv += _subtitles(draft) if keeps_subtitles(draft) else []
    for taken in draft.maps:
        argv += ["-map", taken]
    argv += ["-map", draft.cover, "-c:v", "copy", "-disposition:v:0", "attached_pic"] if draft.cover else []
    return [*argv, *video, *audio]


def muxer_of(ending: str) -> list[str]:
    """The arguments that choose the container of this extension."""
    muxer, *told = _MUXERS.get(ending, (ending,))
    return ["-f", muxer, *told]


def _apart(track: list[str]) -> tuple[list[str], str]:
    """The arguments of a track without its filters, and these."""
    return (track[2:], track[1]) if track[:1] and track[0].startswith("-filter:") else (track, "")


def keeps_subtitles(draft: Draft) -> bool:
    """Whether subtitle tracks may go along."""
    return draft.has_video and draft.container in ("mp4", "mkv")


def _subtitles(draft: Draft) -> list[str]:
    """What takes the subtitle tracks over, and has all become what the container can hold: MP4 holds text only."""
    codecs = draft.media.subtitle_codecs.split() if draft.subtitles else []
    mp4 = draft.container == "mp4"
    kept = [(number, codec) for number, codec in enumerate(codecs) if not mp4 or codec in TEXTS]
    argv = [word for number, _ in kept for word in ("-map", f"0:s:{number}")]
    argv += ["-c:s", "mov_text" if mp4 else "copy"]
    for place, (_, codec) in enumerate(kept):
        argv += [f"-c:s:{place}", "srt"] if codec == "mov_text" and not mp4 else []
    return argv


def _is_one_track(draft: Draft) -> bool:
    return not draft.has_video and draft.container in SOUND_IN


def _tags(draft: Draft, described: int) -> list[str]:
    """What is written about the file: what stood in the input ``described``, and the draft's own.

    In Ogg, a stream has the tags.
    """
    from_ogg, to_ogg = draft.media.container == "ogg", draft.container in ("ogg", "opus")
    source = f"{described}:s:a:0" if from_ogg and draft.has_audio and not to_ogg else str(described)
    argv = ["-map_metadata:g", source]
    for key in _OF_MP4:
        argv += ["-metadata", f"{key}="]
    for key, value in draft.tags.items():
        argv += ["-metadata:s:a:0" if to_ogg else "-metadata", f"{key}={value}"]
    return argv


def _is_hevc(draft: Draft) -> bool:
    return draft.has_video and (draft.video.codec or draft.media.video_codec) in ("hevc", "libx265")


async def encoder_of(draft: Draft, letter: str, ffmpeg: Path, workdir: Path) -> Encoder | None:
    """What encodes the pictures (``v``) or the sound (``a``), None where they are taken over.

    Raises UserError where it is missing.
    """
    track = _track_of(draft, letter)
    if not track.encodes:
        return None
    usual = draft.sound if letter == "a" else USUAL["v"]
    return await encoder_for(track.codec or usual, ffmpeg, workdir, track.settings)


def _track_of(draft: Draft, letter: str) -> Track:
    return {"v": draft.video, "a": draft.audio}[letter]


async def _track(draft: Draft, letter: str, ffmpeg: Path, workdir: Path) -> list[str]:
    track, encoder = _track_of(draft, letter), await encoder_of(draft, letter, ffmpeg, workdir)
    if encoder is None:
        return [f"-c:{letter}", "copy"]
    filters = [*track.filters, *encoder.filters]
    if letter == "v":
        tones = _TONES if draft.media.hdr and await has_filters(("zscale", "tonemap"), ffmpeg, workdir) else ()
        filters = [*track.filters, *tones, _EVEN, *encoder.filters]
    chain = [f"-filter:{letter}", ",".join(filters)] if filters else []
    thrift = thrifty(encoder, draft.size or _USUAL_SIZE) if letter == "v" else ()
    return [*chain, *encoder.arguments(letter, (*track.settings, *thrift))]
