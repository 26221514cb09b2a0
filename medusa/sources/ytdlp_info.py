"""Reads what yt-dlp found out about a link: what may be fetched of it, how big it is, and how to describe it."""

import json
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

from medusa.errors import UserError
from medusa.model import Order
from medusa.names import display_name
from medusa.observe import clean
from medusa.sources import telegram
from medusa.sources.described import Description, Entry, Version
from medusa.sources.live import Feed
from medusa.sources.streams.parts import Kind
from medusa.words import size as size_words

Info = Mapping[str, Any]

PROTOCOLS = frozenset({"http", "https", "m3u8", "m3u8_native", "http_dash_segments", "ism"})
"""Transports that yt-dlp itself fetches over HTTP. The others start programs that know no proxy, or are live."""
# What generators of HLS and DASH call every stream.
_NO_TITLES = frozenset({"index", "master", "playlist", "manifest", "main", "stream", "chunklist", "prog_index"})
_SENT = frozenset({"User-Agent", "Accept", "Accept-Language", "Referer", "Origin"})
_ANY_PAGE = frozenset({"Generic", "HTML5MediaEmbed"})
"""What yt-dlp calls sites that it knows nothing of."""
_MOST_SUBTITLES = 60
_TAGS = (
    *("title", "track", "artist", "artists", "creator", "creators", "uploader", "uploader_id", "composer", "composers"),
    *("genre", "genres", "album", "album_artist", "album_artists", "series", "episode", "episode_id", "upload_date"),
    *("track_number", "disc_number", "season_number", "episode_number"),
)
"""What yt-dlp writes into a file as its tags."""
_NO_TAGS = frozenset({"description", "synopsis", "categories", "tags"})
"""What it would write there, too, and may have any length."""
_MOST_NAMES = 9
_LISTS = frozenset({"playlist", "multi_video"})
_LINKS = frozenset({"url", "url_transparent"})
_LISTING = ("Tab", "Playlist", "Channel", "User")
"""How the names of extractors end whose links are lists."""
_HIDDEN = "__youtubedl_smuggle"
"""What yt-dlp writes into the fragments of links, for itself."""
_LAST_DAY = 253_402_300_800
"""Unix time from which on years have five digits."""


def is_list(info: Info) -> bool:
    """Whether the answer is a playlist, and not one video."""
    return info.get("_type") in _LISTS


def is_link(info: Info) -> bool:
    """Whether the answer only says where else to look."""
    return info.get("_type") in _LINKS


def is_live(info: Info) -> bool:
    """Whether it is a stream that goes on just now."""
    return bool(info.get("is_live")) or info.get("live_status") == "is_live"


def feeds(info: Info) -> list[Feed]:
    """The tracks of a live stream. Raises UserError for one that is no HLS."""
    parts = chosen(info)
    if not all(str(part.get("protocol")).startswith("m3u8") for part in parts):
        raise UserError("This live stream is of a kind that cannot be recorded; send the link again when it is over.")
    kinds = [Kind.AUDIO if part.get("vcodec") == "none" else Kind.VIDEO for part in parts]
    return [Feed(kind, str(part["url"]), headers_of(part)) for kind, part in zip(kinds, parts, strict=True)]


def headers_of(entry: Info) -> dict[str, str]:
    """The headers with which a format is to be fetched, as far as they may be sent on an extractor's word."""
    return {str(key): str(value) for key, value in (entry.get("http_headers") or {}).items() if key in _SENT}


def title_of(info: Info, link: str) -> str:
    """The title, or, where that is only a manifest's file name such as ``index``, the name of its folder."""
    title = str(info.get("title") or info.get("id") or "")
    if info.get("extractor_key") in _ANY_PAGE and str(info.get("id")).endswith("-1"):
        title = title.removesuffix(" (1)")  # the number of a page's only video
    if title.lower() not in _NO_TITLES:
        return display_name(title) or "Untitled"
    folders = urlsplit(link).path.split("/")[1:-1]
    return display_name(unquote(folders[-1]) if folders and folders[-1] else title) or "Untitled"


def only_http(info: Info) -> dict[str, Any]:
    """Leave in the info what may be fetched: formats over HTTP, and no page address to fall back on unasked."""
    listed = info.get("formats") or [info]
    formats = [entry for entry in listed if _over_http(entry)]
    if not formats:
        raise UserError("This is only offered as a kind of stream that cannot be fetched.")
    dropped = {"webpage_url", "original_url", "requested_formats"}
    kept = {key: value for key, value in info.items() if key not in dropped}
    for name in ("subtitles", "automatic_captions"):
        tracks = {lang: [one for one in found if _is_text(one)] for lang, found in (info.get(name) or {}).items()}
        kept[name] = {lang: found for lang, found in tracks.items() if found}
    return {**kept, "formats": formats} if info.get("formats") else kept


def short(info: Info) -> dict[str, Any]:
    """The info with those of its texts that go into a file in single lines, without any secret."""
    kept = {key: value for key, value in info.items() if key not in _NO_TAGS and not key.startswith("meta")}
    return {**kept, **{name: _line(kept[name]) for name in _TAGS if kept.get(name)}}


def _line(value: object) -> object:
    if isinstance(value, list):
        return [_line(one) for one in value[:_MOST_NAMES]]
    return clean(display_name(value)) if isinstance(value, str) else value


def pictures_of(info: Info) -> list[str]:
    """The links to the pictures that stand for the video, the best first."""
    listed = info.get("thumbnails") or [{"url": info.get("thumbnail")}]
    links = [str(one.get("url")) for one in listed if isinstance(one, Mapping)]
    return [link for link in reversed(links) if re.match(r"https?://", link, re.IGNORECASE)]


def shape_of(info: Info) -> float | None:
    """Width by height of the pictures that were chosen; None for sound alone, 0 while unknown."""
    moving = [part for part in chosen(info) if part.get("vcodec") != "none"]
    for part in moving:
        width, height = _number(part.get("width")), _number(part.get("height"))
        if width and height:
            return width / height
    return 0.0 if moving else None


def unchosen(info: Info) -> dict[str, Any]:
    """The answer without the choice of formats that it came with, which yt-dlp would take for the video's own facts."""
    facts = {"http_headers", "language", "duration"}
    dropped = {key for entry in info.get("formats") or () for key in entry} - facts
    dropped |= {"requested_downloads", "requested_formats", "format", "resolution"} if dropped else set()
    return {key: value for key, value in info.items() if key not in dropped}


def _is_text(track: Info) -> bool:
    return isinstance(track.get("data"), str) or _over_http(track)


def _over_http(entry: Info) -> bool:
    scheme = urlsplit(str(entry.get("url") or entry.get("manifest_url") or "")).scheme.lower()
    return scheme in ("http", "https") and str(entry.get("protocol") or scheme) in PROTOCOLS


def chosen(info: Info) -> list[Info]:
    """The formats that are going to be fetched."""
    downloads = info.get("requested_downloads") or info.get("requested_formats") or [info]
    return [part for entry in downloads for part in (entry.get("requested_formats") or [entry])]


def size_of(formats: Iterable[Info]) -> int | None:
    """Add up the sizes of formats in bytes; None when one of them is unknown."""
    sizes = [entry.get("filesize") or entry.get("filesize_approx") for entry in formats]
    return int(sum(size for size in sizes if size)) if sizes and all(sizes) else None


def is_plain(entry: Info) -> bool:
    """Whether the file is fetched by one GET, without cookies, and is right as it comes (no postprocessor mends it)."""
    scheme = urlsplit(str(entry.get("url"))).scheme.lower()
    return (
        scheme in ("http", "https")
        and str(entry.get("protocol") or scheme) in ("http", "https")
        and not (entry.get("cookies") or entry.get("fragments") or entry.get("stretched_ratio"))
        and not str(entry.get("container") or "").endswith("_dash")
        and re.fullmatch(r"[a-z0-9]{2,4}", str(entry.get("ext"))) is not None
    )


def describe(info: Info, order: Order, upload_limit: int) -> Description:
    """What one video is; its ``requested_formats`` are what would be fetched, if anything would."""
    versions = _versions(info)
    taken = _version(chosen(info)) if info.get("format_id") else None
    return Description(
        title=title_of(info, order.link),
        kind=_kind(info, versions),
        site=_site(info, order.link),
        author=display_name(str(info.get("uploader") or info.get("channel") or info.get("creator") or "")),
        published=_date(str(info.get("upload_date") or info.get("release_date") or "")),
        duration=_number(info.get("duration")),
        versions=versions,
        taken=taken,
        why=_why(taken, versions, order, upload_limit),
        chapters=len(info.get("chapters") or ()),
        subtitles=tuple(sorted(map(display_name, info.get("subtitles") or ())))[:_MOST_SUBTITLES],
    )


def listing(info: Info, link: str) -> Description:
    """What a playlist is, with the items that the answer holds."""
    items = [item for item in info.get("entries") or () if isinstance(item, Mapping)]
    own = {link, str(info.get("webpage_url")), str(info.get("original_url"))}
    entries = [_entry(item, there) for item in items if (there := _link(item, own))]
    return Description(
        title=title_of(info, link),
        kind="playlist",
        site=_site(info, link),
        author=display_name(str(info.get("uploader") or info.get("channel") or "")),
        entries=_each_once(entries),
        count=int(_number(info.get("playlist_count")) or 0) or None,
        skipped=len(items) - len(entries),
    )


def _site(info: Info, link: str) -> str:
    name = str(info.get("extractor_key") or "")
    return display_name((urlsplit(link).hostname or "") if name in _ANY_PAGE else name)


def _each_once(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    found: dict[str, Entry] = {}
    for entry in entries:
        found.setdefault(entry.key, entry)
    return tuple(found.values())


def _entry(item: Info, link: str) -> Entry:
    plain, name = _unhidden(link)
    return Entry(
        link=plain if name else link,
        title=display_name(str(item.get("title") or "")) or display_name(plain),
        key=f"guid:{name}" if name else _own_key(item) or plain,
        published=_date(str(item.get("upload_date") or item.get("release_date") or "")) or _day(item.get("timestamp")),
        duration=_number(item.get("duration")),
        many=str(item.get("ie_key") or "").endswith(_LISTING),
    )


def _own_key(item: Info) -> str:
    """What its site calls an item; the numbers that pages get for their items are those of places, not of items."""
    site = str(item.get("ie_key") or item.get("extractor_key") or "")
    return f"{site}:{item['id']}" if item.get("id") and site and site not in _ANY_PAGE else ""


def _unhidden(link: str) -> tuple[str, str]:
    """A link without what yt-dlp hides in it, and the name of the item if that is all that was hidden."""
    plain, mark, hidden = link.partition(f"#{_HIDDEN}=")
    try:
        found = json.loads(unquote_plus(hidden)) if mark else {}
    except ValueError:
        found = {}
    known = isinstance(found, dict) and set(found) == {"force_videoid"}
    return plain, str(found["force_videoid"]) if known else ""


def _link(item: Info, own: set[str]) -> str:
    """Where an item of a playlist is to be fetched from; empty when nowhere, or from the playlist itself."""
    streams = [one for one in item.get("formats") or () if _over_http(one)]
    best = streams[-1] if streams else {}
    found = [item.get("url"), item.get("webpage_url"), best.get("manifest_url"), best.get("url")]
    links = [str(one) for one in found if one and urlsplit(str(one)).scheme.lower() in ("http", "https")]
    # A stranger's list does not choose among the messages that the owner's account may read.
    links = [link for link in links if not telegram.SOURCE.pattern.match(link)]
    return next((link for link in links if link not in own), "")


def _versions(info: Info) -> tuple[Version, ...]:
    """The best of each height, the tallest first, and the best sound alone; yt-dlp lists the best format last."""
    listed = [entry for entry in info.get("formats") or [info] if _over_http(entry)]
    sounds = [entry for entry in listed if _codec(entry, "vcodec") is None and _codec(entry, "acodec")]
    sound = sounds[-1] if sounds else None
    best: dict[int, Info] = {}
    for entry in listed:
        if (height := int(_number(entry.get("height")) or 0)) and _codec(entry, "vcodec") != "":
            best[height] = entry
    found = [_version(_with_sound(best[height], sound)) for height in sorted(best, reverse=True)]
    return (*found, *([_version([sound])] if sound and best else []))


def _with_sound(entry: Info, sound: Info | None) -> list[Info]:
    return [entry, sound] if sound is not None and entry.get("acodec") == "none" else [entry]


def _version(parts: list[Info]) -> Version:
    """How some formats that are fetched together read."""
    height = max((int(_number(part.get("height")) or 0) for part in parts), default=0)
    codecs = [_codec(part, name) for part in parts for name in ("vcodec", "acodec")]
    ends = dict.fromkeys(str(part.get("ext") or "") for part in parts)
    silent = all(_codec(part, "vcodec") is None for part in parts)
    form = " + ".join(dict.fromkeys(codec for codec in codecs if codec)) or display_name("+".join(ends))
    exact = all(part.get("filesize") for part in parts)
    return Version("audio" if silent else str(height or "best"), form, size_of(parts), exact)


def _codec(entry: Info, key: str) -> str | None:
    """The short name of a codec; empty while unknown, None where there is none."""
    name = str(entry.get(key) or "")
    if name == "none":
        return None
    known = {
        "avc1": "h264",
        "avc3": "h264",
        "hev1": "hevc",
        "hvc1": "hevc",
        "av01": "av1",
        "vp09": "vp9",
        "mp4a": "aac",
    }
    short = name.partition(".")[0].lower()
    return display_name(known.get(short, short))[:12]


def _kind(info: Info, versions: tuple[Version, ...]) -> str:
    if is_live(info):
        return "live stream"
    return "audio" if versions and all(one.quality == "audio" for one in versions) else "video"


def _why(taken: Version | None, versions: tuple[Version, ...], order: Order, limit: int) -> str:
    if taken is None:
        return f"no version is known to fit the upload limit of {size_words(limit)}"
    if order.quality == "audio":
        return "sound alone was asked for"
    height = int(taken.quality) if taken.quality.isdigit() else 0
    taller = [one for one in versions if one.quality.isdigit() and int(one.quality) > height]
    if not taller:
        return "the best there is"
    if order.quality.isdigit() and not any(int(one.quality) <= int(order.quality) for one in taller):
        return f"{order.quality} was asked for"
    if any(one.size and one.size > limit * 0.93 for one in taller):
        return f"the best that fits the upload limit of {size_words(limit)}"
    return "it plays everywhere without being re-encoded"


def _day(at: object) -> str:
    """A Unix time as the day that it was, UTC."""
    seconds = _number(at)
    return time.strftime("%Y-%m-%d", time.gmtime(seconds)) if seconds and seconds < _LAST_DAY else ""


def _date(text: str) -> str:
    found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", text, re.ASCII)
    return "-".join(found.groups()) if found else ""


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e15 else None
