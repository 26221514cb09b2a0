"""Reads what an HTTP answer says about its body: kind, name, size and version."""

import mimetypes
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from medusa.names import safe_file_name

HEAD_BYTES = 2048
"""How much of a body `is_page` and `is_manifest` look at."""

_UNSPECIFIC = frozenset(
    {"", "application/octet-stream", "binary/octet-stream", "application/force-download", "text/plain"}
)
_MANIFESTS = frozenset(
    {
        "application/vnd.apple.mpegurl",
        "application/x-mpegurl",
        "audio/mpegurl",
        "audio/x-mpegurl",
        "application/dash+xml",
    }
)
_EXTENSIONS = {
    "video/mp4": ".mp4",
    "video/x-m4v": ".m4v",
    "video/quicktime": ".mov",
    "video/x-matroska": ".mkv",
    "video/webm": ".webm",
    "video/mp2t": ".ts",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/x-m4a": ".m4a",
    "audio/aac": ".aac",
    "audio/ogg": ".ogg",
    "audio/flac": ".flac",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
}
_TYPES = {ending: kind for kind, ending in reversed(_EXTENSIONS.items())}
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,10}\Z")
_PARAMETER = re.compile(r';\s*(filename\*?)\s*=\s*("(?:\\.|[^"\\])*"?|[^;]*)', re.IGNORECASE)
_RANGE = re.compile(r"bytes\s+(?:([0-9]{1,18})-[0-9]{1,18}|\*)/([0-9]{1,18}|\*)", re.IGNORECASE)
_KIND = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")
_LONGEST = 256


def kind_of(headers: Mapping[str, str]) -> str:
    """Return the media type in lower case without parameters, or an empty string."""
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind if _KIND.fullmatch(kind) else ""


def is_page(headers: Mapping[str, str], head: bytes) -> bool:
    """Say whether the body is a web page to look at, and not a file that happens to be HTML."""
    if headers.get("Content-Disposition", "").strip().lower().startswith("attachment"):
        return False
    kind = kind_of(headers)
    if kind in _UNSPECIFIC or kind.startswith(("video/", "audio/", "image/")):
        return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower().startswith((b"<!doctype html", b"<html"))
    return kind in ("text/html", "application/xhtml+xml")


def is_manifest(headers: Mapping[str, str], head: bytes) -> bool:
    """Say whether the body is an HLS playlist (RFC 8216) or a DASH description, by its type or its first bytes."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return (
        kind_of(headers) in _MANIFESTS
        or start.startswith(b"#EXTM3U")
        or (start.startswith((b"<?xml", b"<MPD")) and b"<MPD" in start)
    )


def is_packed(headers: Mapping[str, str]) -> bool:
    """Say whether the body is coded in a way that nobody undoes, though it was asked for as it is (RFC 9110, 8.4)."""
    coding = headers.get("Content-Encoding", "").strip().lower()
    return coding not in ("", "identity", "gzip", "x-gzip", "deflate")


def version_of(headers: Mapping[str, str]) -> str:
    """Return what proves that two answers carry the same bytes: a strong ETag, else the date, else nothing (RFC 9110,
    13.1.5).
    """
    tag = headers.get("ETag", "").strip()
    version = tag if tag.startswith('"') else headers.get("Last-Modified", "").strip()
    # Whatever else a server says there is nothing to keep or to send back.
    return version if version.isascii() and version.isprintable() and len(version) <= _LONGEST else ""


def range_of(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return the first byte and the full size that a Content-Range names, each None where it names none."""
    found = _RANGE.match(headers.get("Content-Range", ""))
    if not found:
        return None, None
    first, full = found.groups()
    return int(first) if first else None, int(full) if full != "*" else None


def size_of(status: int, headers: Mapping[str, str]) -> int | None:
    """Return the full size of the file in bytes, or None when the answer does not tell it."""
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        return None
    if status in (206, 416):
        return range_of(headers)[1]
    length = headers.get("Content-Length", "").strip()
    return int(length) if re.fullmatch("[0-9]{1,18}", length) else None


def file_name(url: str, headers: Mapping[str, str]) -> str:
    """Choose a safe file name: from Content-Disposition, else from the URL's path, with an extension that fits the
    type.
    """
    raw = _announced(headers.get("Content-Disposition", "")) or _last_part(url)
    name = safe_file_name(raw.replace("\\", "/").rpartition("/")[2])
    kind = kind_of(headers)
    ending = _ENDING.search(name)
    major = kind.partition("/")[0]
    fits = ending and (major not in ("video", "audio") or type_of(name).partition("/")[0] in ("video", "audio"))
    guess = _EXTENSIONS.get(kind) or (mimetypes.guess_extension(kind) if kind not in _UNSPECIFIC else None)
    return name if fits or not guess else safe_file_name(name, extension=guess)


def type_of(name: str, headers: Mapping[str, str] | None = None) -> str:
    """Return a file's media type: the announced one when it says something, else by the name's extension."""
    kind = kind_of(headers) if headers else ""
    if kind not in _UNSPECIFIC:
        return kind
    ending = PurePosixPath(name.lower()).suffix
    return _TYPES.get(ending) or mimetypes.guess_type(f"file{ending}")[0] or "application/octet-stream"


def _announced(disposition: str) -> str:
    """Read the file name of a Content-Disposition, RFC 6266: ``filename*`` goes before ``filename``."""
    found = {name.lower(): value.strip() for name, value in _PARAMETER.findall(disposition)}
    if "filename*" in found and (name := _extended(found["filename*"])):
        return name
    plain = found.get("filename", "")
    if plain.startswith('"'):
        plain = re.sub(r"\\(.)", r"\1", plain[1:].removesuffix('"'))
    # Header bytes that were no UTF-8 arrive as surrogates; the field's old charset is Latin-1.
    if any("\udc80" <= char <= "\udcff" for char in plain):
        plain = plain.encode("utf-8", "surrogateescape").decode("latin-1")
    return unquote(plain)


def _extended(value: str) -> str:
    """Decode ``charset'language'percent-encoded``, RFC 8187."""
    charset, _, rest = value.strip('"').partition("'")
    data = unquote_to_bytes(rest.partition("'")[2])
    # Python knows many more, some of which are slow or no charsets at all.
    return data.decode("latin-1" if charset.lower() == "iso-8859-1" else "utf-8", "replace")


def _last_part(url: str) -> str:
    parts = urlsplit(url)
    return unquote(parts.path.rstrip("/").rpartition("/")[2]) or (parts.hostname or "").replace(".", "_")
