"""Knows which media play everywhere at once, and which do not."""

import re
from collections.abc import Iterable

from medusa.model import LocalFile, Media

_SPOKEN = {
    "h264": "H.264",
    "hevc": "HEVC",
    "av1": "AV1",
    "vp8": "VP8",
    "vp9": "VP9",
    "mpeg4": "MPEG-4",
    "mpeg2video": "MPEG-2",
    "mpeg1video": "MPEG-1",
    "prores": "ProRes",
    "aac": "AAC",
    "mp3": "MP3",
    "opus": "Opus",
    "vorbis": "Vorbis",
    "flac": "FLAC",
    "alac": "ALAC",
    "ac3": "Dolby Digital",
    "eac3": "Dolby Digital Plus",
    "truehd": "TrueHD",
    "dts": "DTS",
}
_EVERYWHERE = frozenset({"h264", "unknown"})
_SOUND_OF_VIDEOS = frozenset({"aac", "mp3", "unknown"})
_SOUND_ALONE = _SOUND_OF_VIDEOS | {"opus", "flac"}
"""What every player of Telegram takes; of what stands in Telegram already, nobody has looked at the codec."""


def spoken(codec: str) -> str:
    """A codec as people call it."""
    return "PCM" if codec.startswith("pcm_") else _SPOKEN.get(codec, codec.upper())


def codec_words(codec: str, profile: str | None) -> str:
    """A codec and its profile as people call them."""
    return f"{spoken(codec)} {profile.removesuffix(' Profile')}" if profile else spoken(codec)


def hurdles(media: Media) -> tuple[str, ...]:
    """What keeps some phones from playing this at once, as people call it; nothing for what plays everywhere."""
    found: list[str] = []
    if media.video_codec is not None:
        found += [] if media.video_codec in _EVERYWHERE else [spoken(media.video_codec)]
        found += [f"{media.depth}-bit"] if media.depth > 8 else []
        found += [media.hdr] if media.hdr else []
        colours = re.search(r"yuvj?(422|444)p", media.pixels or "")
        found += [":".join(colours[1])] if colours else []
    played = _SOUND_OF_VIDEOS if media.video_codec else _SOUND_ALONE
    if media.audio_codec is not None and media.audio_codec not in played:
        found.append(f"{spoken(media.audio_codec)} sound" if media.video_codec else spoken(media.audio_codec))
    return tuple(found)


def warning(files: Iterable[LocalFile]) -> str:
    """One line on what of these some phones will not play at once, and how to mend that; nothing if they will."""
    media = [file.media for file in files if file.media is not None]
    found = list(dict.fromkeys(hurdle for one in media for hurdle in hurdles(one)))
    if not found:
        return ""
    mended = "/convert phone" if any(one.video_codec and hurdles(one) for one in media) else "/audio mp3"
    return f"Some phones won't play this at once: {', '.join(found)}. Reply {mended} to it for one that they will."
