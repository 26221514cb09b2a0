"""A small web server on loopback that hands out the samples, and every kind of bad answer that a link can give."""

import asyncio
import html
import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from medusa.demo.samples import SAMPLES
from medusa.web.streaming import begin, pour

_FOLDER = web.AppKey("folder", Path)
_TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".ts": "video/mp2t",
    ".m4s": "video/iso.segment",
    ".mkv": "video/x-matroska",
    ".mp4": "video/mp4",
    ".mp3": "audio/mpeg",
}
_HUGE = 50_000_000_000
_SLOW_RATE = 200_000

HOSTILE_NAMES = {
    "long": "n" * 196 + "ä" * 100 + ".mp4",
    "parent": "../../../escape.mp4",
    "absolute": "/etc/passwd.mp4",
    "windows": "..\\..\\CON.mp4",
    "rtl": "invoice\u202e4pm.exe.mp4",
    "control": "a\tb\x7fc\u200bd.mp4",
    "markup": "<img src=x onerror=alert(1)>.mp4",
    "dots": "....mp4.",
}
"""File names that no server should send, by the last part of ``/name/…``; ``long`` has 400 bytes."""

BAD_LINKS = {
    "/dead": "nothing there any more (404)",
    "/empty.mp4": "a video of no bytes",
    "/page": "a page without anything to fetch",
    "/truncated.mp4": "a video that was cut in the middle",
    "/cut/clip.mp4": "a server that hangs up half-way",
    "/huge": "50 GB, so they say",
    "/redirect?to=/clip.mp4": "a detour",
}


@dataclass(frozen=True, slots=True)
class MediaServer:
    """Where the running server listens; ``url`` has no slash at its end."""

    url: str
    host: str
    port: int

    def link(self, path: str) -> str:
        """The address of a sample or of one of the bad answers."""
        return f"{self.url}/{quote(path.lstrip('/'), safe='/?=&%')}"


@asynccontextmanager
async def serve_media(folder: Path, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[MediaServer]:
    """Serve the files of ``folder`` (a Samples folder) until the context ends; port 0 takes a free one."""
    runner = web.AppRunner(_application(folder), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0][1]
        yield MediaServer(f"http://{host}:{bound}", host, bound)
    finally:
        await runner.cleanup()


def _application(folder: Path) -> web.Application:
    app = web.Application()
    app[_FOLDER] = folder.resolve()
    app.add_routes(
        [
            web.get("/", _index),
            web.get("/page", _page),
            web.get("/empty.mp4", _empty),
            web.get("/truncated.mp4", _truncated),
            web.get("/redirect", _redirect),
            web.get("/huge", _huge),
            web.get("/name/{which}", _hostile_name),
            web.get("/slow/{path:.+}", _slow),
            web.get("/cut/{path:.+}", _cut),
            web.get("/{path:.+}", _file),
        ]
    )
    return app


def _find(request: web.Request, path: str) -> Path:
    folder = request.app[_FOLDER]
    found = (folder / path).resolve()
    if not found.is_relative_to(folder) or not found.is_file():
        raise web.HTTPNotFound(text="There is nothing at this address.\n")
    return found


def _type(path: Path) -> str:
    return _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


async def _file(request: web.Request) -> web.StreamResponse:
    path = _find(request, request.match_info["path"])
    return web.FileResponse(path, headers={"Content-Type": _type(path)})


async def _index(_request: web.Request) -> web.Response:
    good = [(f"/{sample.path}", f"{sample.title}: {sample.about}") for sample in SAMPLES]
    slow = ("/slow/streamable.mp4?rate=20000", "a slow server, 20 kB a second")
    names = [(f"/name/{which}", f"a hostile file name ({which})") for which in HOSTILE_NAMES]
    rows = "".join(
        f'<li><a href="{html.escape(link)}">{html.escape(link)}</a> {html.escape(about)}</li>'
        for link, about in [*good, slow, *BAD_LINKS.items(), *names]
    )
    return web.Response(text=_INDEX.replace("ROWS", rows), content_type="text/html")


_INDEX = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Samples</title></head>
<body><h1>Samples</h1><ul>ROWS</ul></body></html>
"""


async def _page(_request: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>Words</title><p>Only words here.</p>", content_type="text/html")


async def _empty(_request: web.Request) -> web.Response:
    return web.Response(body=b"", content_type="video/mp4")


async def _truncated(request: web.Request) -> web.Response:
    """The first 60 % of the clip as a whole answer: its index, which stands at the end, is missing."""
    data = await asyncio.to_thread(_find(request, "clip.mp4").read_bytes)
    return web.Response(body=data[: len(data) * 6 // 10], content_type="video/mp4")


async def _redirect(request: web.Request) -> web.Response:
    raise web.HTTPFound(request.query.get("to", "/"))


async def _hostile_name(request: web.Request) -> web.StreamResponse:
    name = HOSTILE_NAMES.get(request.match_info["which"])
    if name is None:
        raise web.HTTPNotFound(text="There is no such name.\n")
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    headers = {"Content-Type": "video/mp4", "Content-Disposition": disposition}
    return web.FileResponse(_find(request, "streamable.mp4"), headers=headers)


async def _huge(request: web.Request) -> web.StreamResponse:
    """Announces 50 GB and trickles zeros for as long as somebody listens."""
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    response.content_length = _HUGE
    await response.prepare(request)
    if request.method != "HEAD":
        await pour(response, _zeros())
    return response


async def _zeros() -> AsyncIterator[bytes]:
    while True:
        yield bytes(64 * 1024)
        await asyncio.sleep(0.05)


async def _slow(request: web.Request) -> web.StreamResponse:
    """A sample at ``?rate=`` bytes a second; ranges work, so that a broken download can go on."""
    path = _find(request, request.match_info["path"])
    response, start, stop = await begin(request, _size(path), _headers(path))
    if request.method != "HEAD":
        await pour(response, _paced(path, start, stop, _positive(request.query.get("rate"), _SLOW_RATE)))
    return response


async def _paced(path: Path, start: int, stop: int, rate: int) -> AsyncIterator[bytes]:
    size = max(1, rate // 10)
    for begin_at in range(start, stop, size):
        yield await asyncio.to_thread(_read, path, begin_at, min(size, stop - begin_at))
        await asyncio.sleep(size / rate)


async def _cut(request: web.Request) -> web.StreamResponse:
    """A sample whose sending breaks off in the middle; who asks for the rest gets it."""
    path = _find(request, request.match_info["path"])
    response, start, stop = await begin(request, _size(path), _headers(path))
    middle = _size(path) // 2
    end = min(stop, middle) if start < middle else stop
    await response.write(await asyncio.to_thread(_read, path, start, end - start))
    if start < middle and request.transport is not None:
        request.transport.close()
    return response


def _headers(path: Path) -> dict[str, str]:
    return {"Content-Type": _type(path), "ETag": f'"{_size(path)}"'}


def _positive(text: str | None, default: int) -> int:
    return max(1, int(text)) if text and text.isdecimal() else default


def _size(path: Path) -> int:
    return path.stat().st_size


def _read(path: Path, start: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)
