"""Reads cookies as browsers export them, and decides which of them a host gets (RFC 6265)."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from medusa.errors import UserError
from medusa.hosts import host_of, is_address, site_of

MOST_BYTES = 1_000_000
"""Of a file of cookies."""
_LONGEST = 8192
_HTTP_ONLY = "#HttpOnly_"
_HEADER = "# Netscape HTTP Cookie File\n"
_HOW = "Export the site's cookies with a browser extension that writes a cookies.txt (Netscape format)."
_COLUMNS = 7
_MOST_SECONDS = 1e12
"""What is larger counts milliseconds or microseconds."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie. ``domain`` has no dot in front; ``expires`` is Unix seconds, None with the browser's session."""

    domain: str
    subdomains: bool
    path: str
    secure: bool
    http_only: bool
    expires: float | None
    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Export:
    """What a file of cookies held: by site the ones that are of use, and how many were not: expired, or of no site."""

    sites: Mapping[str, tuple[Cookie, ...]]
    expired: int
    homeless: int


def read(data: bytes, now: float) -> Export:
    """The cookies of a cookies.txt, or of a browser extension's JSON. Raises UserError that quotes nothing of it."""
    text = _text(data).strip("\ufeff\n\r\t ")
    if not text:
        raise UserError(f"There is nothing in it. {_HOW}")
    if text.startswith("<"):
        raise UserError(f"This is a web page, not a cookies.txt. {_HOW}")
    found = _of_json(text) if text.startswith(("[", "{")) else _of_lines(text)
    return _sorted(found, now)


def pack(cookies: Iterable[Cookie], now: float) -> str:
    """A cookies.txt that curl and yt-dlp read, without what has expired; empty when nothing is left."""
    lines = [_line(cookie) for cookie in cookies if cookie.expires is None or cookie.expires > now]
    return _HEADER + "".join(lines) if lines else ""


def unpack(text: str) -> list[Cookie]:
    """The cookies of what ``pack`` has made, which needs no checks any more."""
    lines = (line for line in text.split("\n") if line.startswith(_HTTP_ONLY) or (line and line[0] != "#"))
    return [_packed(line) for line in lines]


def _packed(line: str) -> Cookie:
    domain, _, path, secure, expires, name, value = line.removeprefix(_HTTP_ONLY).split("\t")
    return Cookie(
        domain=domain.removeprefix("."),
        subdomains=domain.startswith("."),
        path=path,
        secure=_flag(secure),
        http_only=line.startswith(_HTTP_ONLY),
        expires=float(expires) or None,
        name=name,
        value=value,
    )


def belongs(cookie: Cookie, host: str, *, secure: bool) -> bool:
    """Whether a browser sends the cookie to some path of the host (RFC 6265, 5.1.3 and 5.4)."""
    if cookie.secure and not secure:
        return False
    if host == cookie.domain:
        return True
    return cookie.subdomains and host.endswith(f".{cookie.domain}") and not is_address(host)


def header(text: str, link: str, now: float) -> str:
    """The Cookie header with which a browser that has this cookies.txt asks for the link; empty when it has none."""
    if not text:
        return ""
    parts = urlsplit(link)
    host, secure, path = host_of(parts.hostname or ""), parts.scheme.lower() == "https", parts.path or "/"
    sent = [
        cookie
        for cookie in unpack(text)
        if belongs(cookie, host, secure=secure)
        and _covers(cookie.path, path)
        and (cookie.expires is None or cookie.expires > now)
    ]
    sent.sort(key=lambda cookie: -len(cookie.path))
    return "; ".join(f"{cookie.name}={cookie.value}" if cookie.name else cookie.value for cookie in sent)


def _covers(scope: str, path: str) -> bool:
    """RFC 6265, 5.1.4."""
    return path == scope or (path.startswith(scope) and (scope.endswith("/") or path[len(scope)] == "/"))


def _text(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise UserError(f"This is more than {MOST_BYTES // 1_000_000} MB, and no cookies.txt is. {_HOW}")
    coding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(coding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UserError(f"This is no text, so it can't be a cookies.txt. {_HOW}")
    return text


def _of_lines(text: str) -> Iterable[Cookie]:
    for number, line in enumerate(re.split(r"\r\n?|\n", text), start=1):
        bare = line.removeprefix(_HTTP_ONLY)
        if not bare.strip() or bare.startswith("#"):
            continue
        columns = bare.split("\t") if "\t" in bare else bare.split()
        if len(columns) == _COLUMNS - 1:
            columns.append("")  # editors cut the tab before an empty value
        if len(columns) != _COLUMNS:
            raise UserError(f"Line {number} has {len(columns)} columns; a cookies.txt has {_COLUMNS}. {_HOW}")
        domain, subdomains, path, secure, expires, name, value = columns
        given = {"path": path, "secure": _flag(secure), "expires": expires, "name": name, "value": value}
        yield _cookie(domain, _flag(subdomains), {**given, "httpOnly": bare != line}, f"Line {number}")


def _flag(text: str) -> bool:
    return text.strip().upper() == "TRUE"


def _of_json(text: str) -> Iterable[Cookie]:
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise UserError(f"This is no list of cookies. {_HOW}")
    for number, one in enumerate(listed, start=1):
        if not all(isinstance(one.get(key), str) for key in ("name", "value", "domain")):
            raise UserError(f"Entry {number} has no name, value or domain, so this is no list of cookies. {_HOW}")
        expires = one.get("expirationDate", one.get("expires"))
        yield _cookie(one["domain"], one.get("hostOnly") is False, {**one, "expires": expires}, f"Entry {number}")


def _cookie(domain: str, subdomains: bool, given: Mapping[str, Any], where: str) -> Cookie:
    """Make a cookie of what was given, or say in which place of the file something is wrong with it."""
    name, value, path = given["name"], given["value"], given.get("path") or "/"
    plain = isinstance(path, str) and all(map(_is_plain, (name, value, path)))
    if not plain or any(sign in name for sign in "=;, ") or ";" in value or ";" in path or len(value) > _LONGEST:
        raise UserError(f"{where} is no cookie: its name, value or path has signs that none can have. {_HOW}")
    try:
        host = host_of(domain)
    except UserError:
        raise UserError(f"{where} names no site in its first column. {_HOW}") from None
    return Cookie(
        domain=host,
        subdomains=(subdomains or domain.strip().startswith(".")) and not is_address(host),
        path=path if path.startswith("/") else "/",
        secure=bool(given.get("secure")),
        http_only=bool(given.get("httpOnly")),
        expires=_moment(given["expires"], where),
        name=name,
        value=value,
    )


def _is_plain(text: str) -> bool:
    return len(text) <= _LONGEST and text.isprintable()


def _moment(given: Any, where: str) -> float | None:
    """Unix seconds; None, an empty text and what is not after 1970 stand for the browser's session."""
    try:
        at = float(given or 0)
    except (TypeError, ValueError):
        at = math.nan
    if not math.isfinite(at):
        raise UserError(f"{where} does not say when its cookie expires. {_HOW}")
    while at > _MOST_SECONDS:
        at /= 1000
    return at if at > 0 else None


def _sorted(found: Iterable[Cookie], now: float) -> Export:
    sites: dict[str, dict[tuple[str, str, str], Cookie]] = {}
    expired = homeless = 0
    for cookie in found:
        if cookie.expires is not None and cookie.expires <= now:
            expired += 1
            continue
        try:
            site = site_of(cookie.domain)
        except UserError:
            homeless += 1
            continue
        # Of several with the same key, the last one counts (RFC 6265, 5.3).
        sites.setdefault(site, {})[(cookie.domain, cookie.path, cookie.name)] = cookie
    if not sites:
        why = "All of its cookies have expired." if expired else "There is no cookie of any site in it."
        raise UserError(f"{why} {_HOW}")
    return Export({site: tuple(kept.values()) for site, kept in sorted(sites.items())}, expired, homeless)


def _line(cookie: Cookie) -> str:
    domain = f".{cookie.domain}" if cookie.subdomains else cookie.domain
    columns = (
        (_HTTP_ONLY if cookie.http_only else "") + domain,
        str(cookie.subdomains).upper(),
        cookie.path,
        str(cookie.secure).upper(),
        str(math.ceil(cookie.expires or 0)),
        cookie.name,
        cookie.value,
    )
    return "\t".join(columns) + "\n"
