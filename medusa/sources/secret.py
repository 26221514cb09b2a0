"""Sends what the owner has for a site along to that site alone, past the eyes of other processes and hosts."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from medusa import cookies
from medusa.hosts import origins
from medusa.tools import Tools

_COOKIES = "cookies.txt"
_HEADERS = "headers.json"
_LAUNCHER = """
import json, sys, urllib.request
from urllib.parse import urlsplit
import yt_dlp
from yt_dlp.networking._urllib import UrllibRH
from yt_dlp.networking.common import register_preference

with open(sys.argv.pop(1), encoding="utf-8") as file:
    homes, headers = json.load(file)

class Own(urllib.request.BaseHandler):
    def http_request(self, request):
        at = urlsplit(request.full_url)
        if [at.scheme, at.hostname, at.port or {"http": 80, "https": 443}.get(at.scheme)] in homes:
            for name, value in headers.items():
                request.add_unredirected_header(name, value)
        return request

    https_request = http_request

make = UrllibRH._create_instance

def make_own(*args, **kwargs):
    opener = make(*args, **kwargs)
    opener.add_handler(Own())
    return opener

UrllibRH._create_instance = make_own
register_preference(UrllibRH)(lambda handler, request: 1000)
yt_dlp.main()
"""
"""What runs in the place of yt-dlp when there are headers.

Its own ``--add-headers`` go to every host that a page or playlist names, and along with every redirect. These go to
the origins of the link alone: urllib asks for each hop anew, and forgets what is not to be redirected.
"""


async def headers_for(link: str, tools: Tools) -> dict[str, str]:
    """The owner's headers for the link's own origin, cookies among them."""
    kept = await tools.secrets(link)
    cookie = cookies.header(kept.cookies, link, time.time())
    return {**({"Cookie": cookie} if cookie else {}), **kept.headers}


@asynccontextmanager
async def handed_over(argv: Sequence[str], link: str, workdir: Path, tools: Tools) -> AsyncIterator[list[str]]:
    """The command line of yt-dlp with which it knows what the owner has for the link's host.

    The files with the secrets are gone when the block ends; what a site sets meanwhile is not kept.
    """
    kept, extended = await tools.secrets(link), list(argv)
    files = []
    if kept.cookies:
        files.append(_write(workdir / _COOKIES, kept.cookies))
        extended += ["--cookies", _COOKIES]
    if kept.headers:
        files.append(_write(workdir / _HEADERS, json.dumps([sorted(origins(link)), dict(kept.headers)])))
        at = extended.index("-m")
        extended[at : at + 2] = ["-c", _LAUNCHER, _HEADERS]
    try:
        yield extended
    finally:
        for file in files:
            file.unlink(missing_ok=True)


async def forget_cookies(info: Mapping[str, Any], link: str, tools: Tools) -> None:
    """Take the owner's cookies out of what yt-dlp says of a video, which outlives the run: each run is given them."""
    kept = await tools.secrets(link)
    if kept.cookies:
        names = {cookie.name for cookie in cookies.unpack(kept.cookies)}
        await asyncio.to_thread(_strip, info, names)


def _strip(info: Mapping[str, Any], names: set[str]) -> None:
    for part in _parts(info):
        left = _without(str(part.pop("cookies", "")), names)
        if left:
            part["cookies"] = left


def _write(file: Path, text: str) -> Path:
    """A new file that nobody else can read."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as open_file:
        open_file.write(text)
    return file


def _parts(info: Any) -> Iterator[dict[str, Any]]:
    """All objects in an info, itself first."""
    if isinstance(info, dict):
        yield info
    for inner in info.values() if isinstance(info, dict) else info if isinstance(info, list) else ():
        yield from _parts(inner)


_ATTRIBUTES = frozenset({"Domain", "Path", "Secure", "Expires", "Version"})


def _without(text: str, names: set[str]) -> str:
    """Cookies as yt-dlp writes them, each followed by its attributes, but for those of these names."""
    left, kept = [], True
    for piece in text.split("; "):
        name = piece.partition("=")[0]
        if name not in _ATTRIBUTES:
            kept = name not in names
        if kept and piece:
            left.append(piece)
    return "; ".join(left)
