"""/mediainfo: what is in a file, without posting or fetching it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from markupsafe import Markup

from medusa.commands import Answer, Call, Command, Later
from medusa.commands.editing import targets
from medusa.commands.ordering import order_of
from medusa.errors import UserError
from medusa.model import Media
from medusa.names import display_name, quoted
from medusa.sources.inspecting import Inspected
from medusa.steps.playing import codec_words, hurdles
from medusa.steps.tracks import Track
from medusa.words import bits, playing_time, size

_MOST_FILES = 10
_MOST_TRACKS = 8
_CONTAINERS = {
    "matroska": "Matroska",
    "mpegts": "MPEG-TS",
    "mp3": "MP3",
    "ogg": "Ogg",
    "flac": "FLAC",
    "wav": "WAV",
    "aac": "AAC",
}
_CHANNELS = {"1 channels": "mono", "2 channels": "stereo"}


async def _run(call: Call) -> Answer:
    links, words = await targets(call)
    if words:
        raise UserError(f"{quoted(words[0])} is neither a link nor a job like #12.")
    orders = [order_of(link, call) for link in links[:_MOST_FILES]]

    async def work() -> Answer:
        found = [one for order in orders for one in await call.desk.inspect(order)]
        return Markup("\n\n").join([card(one, call.prefix) for one in found[:_MOST_FILES]])

    return Later(work)


def card(found: Inspected, prefix: str) -> Markup:
    """All that is known of a file, each line with its label."""
    head = Markup("<b>{}</b>").format(display_name(found.name))
    media, layout = found.look.media, found.look.layout
    if media is None:
        return Markup("\n").join([head, Markup("{}").format(_nothing(found))])
    lines = [head, Markup("{}").format(_whole(found, media)), Markup()]
    lines += [Markup("<b>{}</b>  {}").format(label, told) for label, told in _parts(media, found.look.tracks)]
    verdicts = [_starting(found, media), _playing(media, prefix)]
    if layout is not None and layout.cut:
        verdicts = ["✗ It is cut off: its end is missing"]
    return Markup("\n").join([*lines, Markup(), *(Markup("{}").format(one) for one in verdicts)])


def _figures(parts: Iterable[str]) -> str:
    """Facts in a row; a narrow screen breaks the line between them, and parts no figure from its unit."""
    return " · ".join(part.replace(" ", "\u00a0") for part in parts)


def _nothing(found: Inspected) -> str:
    parts = [size(found.size)] if found.size is not None else []
    cut = found.look.layout is not None and found.look.layout.cut
    return " · ".join([*parts, "a video that is cut off" if cut else "nothing in it that plays"])


def _whole(found: Inspected, media: Media) -> str:
    parts = [_container(found, media)]
    parts += [playing_time(media.duration)] if media.duration is not None else []
    parts += [size(found.size)] if found.size is not None else []
    return _figures([*parts, *([bits(media.bit_rate)] if media.bit_rate else [])])


def _container(found: Inspected, media: Media) -> str:
    first = media.container.split(",")[0]
    ending = Path(found.name).suffix.lower()
    if first == "mov":
        return "QuickTime" if found.look.layout is not None and found.look.layout.brand == "qt" else "MP4"
    if ending in (".webm", ".weba") and first == "matroska":
        return "WebM"
    return _CONTAINERS.get(first, first.upper())


def _parts(media: Media, tracks: tuple[Track, ...]) -> Iterator[tuple[str, str]]:
    """The labels of what is in the file, and what is told of it."""
    if media.video_codec is not None:
        yield "Video", _video(media, tracks)
    sounds = [track for track in tracks if track.kind == "Audio"]
    for number, track in enumerate(sounds[:_MOST_TRACKS], start=1):
        yield f"Audio {number}" if len(sounds) > 1 else "Audio", _sound(track)
    if len(sounds) > _MOST_TRACKS:
        yield "Audio", f"and {len(sounds) - _MOST_TRACKS} more"
    if media.subtitles:
        more = len(media.subtitles) - _MOST_TRACKS
        shown = ", ".join(_language(one) for one in media.subtitles[:_MOST_TRACKS])
        yield "Subtitles", f"{shown} and {more} more" if more > 0 else shown
    if media.chapters:
        yield "Chapters", str(media.chapters)
    if any(track.is_cover for track in tracks):
        yield "Cover", "yes"
    if media.title:
        yield "Title", " · ".join(one for one in (media.performer, media.title) if one)


def _video(media: Media, tracks: tuple[Track, ...]) -> str:
    own = next((track.bit_rate for track in tracks if track.kind == "Video" and not track.is_cover), None)
    parts = [codec_words(media.video_codec or "", media.profile), f"{media.width}×{media.height}"]
    parts += [f"{media.frame_rate:g} fps"] if media.frame_rate else []
    parts += [f"{media.depth}-bit"] if media.depth != 8 else []
    parts += [media.hdr] if media.hdr else []
    parts += [f"turned {media.rotation}°"] if media.rotation else []
    return _figures([*parts, *([bits(own)] if own else [])])


def _sound(track: Track) -> str:
    parts = [codec_words(track.codec, track.profile)]
    parts += [_CHANNELS.get(track.channels, track.channels)] if track.channels else []
    parts += [f"{track.sample_rate / 1000:g} kHz"] if track.sample_rate else []
    parts += [bits(track.bit_rate)] if track.bit_rate else []
    return _figures([*parts, *([track.language] if track.language != "und" else [])])


def _language(code: str) -> str:
    return "unnamed" if code == "und" else code


def _starting(found: Inspected, media: Media) -> str:
    if media.video_codec is None or media.streamable:
        return "✓ Starts at once"
    container = _container(found, media)
    return f"✗ Starts only when all of it is loaded, for {_reason(container)}"


def _reason(container: str) -> str:
    return "its index comes last" if container in ("MP4", "QuickTime") else f"chats stream no {container}"


def _playing(media: Media, prefix: str) -> str:
    found = hurdles(media)
    if not found:
        return "✓ Plays on every phone"
    mended = f" ({prefix}convert phone mends that)" if media.video_codec else ""
    return f"✗ Some phones won't play it: {', '.join(found)}{mended}"


COMMAND = Command(
    name="mediainfo",
    aliases=("mi",),
    family="Media",
    about="what is in a file: tracks, codecs, sizes, and whether it plays everywhere",
    usage="in reply to a file, or with links or #JOBS",
    run=_run,
    examples=("mediainfo", "mediainfo #1"),
)
