"""A media server whose every link holds a file of its own, and which can hang, hang up and refuse."""

import asyncio
import functools
import hashlib
import random
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from medusa.demo.samples import Samples
from medusa.web.streaming import begin, pour

_CHUNK = 64 * 1024
_BIG = 11_000_000
"""More than 10 MB, so that it goes up as a big file."""
_TYPES = {"pdf": "application/pdf", "mp4": "video/mp4", "bin": "application/octet-stream"}
_RATES = {"big": 10_000_000, "clip": 3_000_000, "slow": 40_000}
"""Bytes a second; other files come as fast as the machine can."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Media:
    """The server while it runs. ``served`` hears of each chunk just before it is sent."""

    def __init__(self, samples: Samples) -> None:
        self.url = ""
        self.address = ""
        self.served: Callable[[int], None] = lambda _: None
        self.going = asyncio.Event()
        self.going.set()
        self.refusing = False
        self._samples = samples
        self._open: set[asyncio.Transport] = set()
        self._noise = random.Random(1).randbytes(_BIG)

    def link(self, kind: str, name: str) -> str:
        """The address of a file: ``kind`` is note, slow, video, clip, big, plain (without ranges) or hls."""
        return f"{self.url}/{kind}/{name}/index.m3u8" if kind == "hls" else f"{self.url}/{kind}/{name}"

    def digest(self, kind: str, name: str) -> str:
        """The SHA-256 of a file's bytes in hexadecimal."""
        return hashlib.sha256(self.content(kind, name)).hexdigest()

    def content(self, kind: str, name: str) -> bytes:
        """A file's bytes, which no other name shares."""
        mark = hashlib.sha256(name.encode()).digest()
        if kind in ("big", "plain"):
            return mark + self._noise[: _BIG if kind == "big" else _BIG // 4]
        if kind == "slow":
            return mark + self._noise[:80_000]
        if kind == "note":
            return self._sample("notes.pdf") + b"\n%" + mark.hex().encode()
        # A box that players skip (ISO/IEC 14496-12, 8.1.2).
        box = struct.pack(">I4s", 8 + len(mark), b"free") + mark
        return self._sample("streamable.mp4" if kind == "video" else "clip.mp4") + box

    def cut(self) -> None:
        """Hang up on everybody."""
        for transport in list(self._open):
            transport.abort()

    @functools.cache  # noqa: B019 -- the samples live as long as the server
    def _sample(self, name: str) -> bytes:
        return self._samples.path(name).read_bytes()

    @web.middleware
    async def gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request in, unless nobody is to be."""
        transport = request.transport
        if transport is None:
            raise web.HTTPServiceUnavailable
        if self.refusing:
            transport.abort()
        self._open.add(transport)
        try:
            await self.going.wait()
            return await handler(request)
        except ConnectionError:
            return web.Response()  # nobody is there to read it
        finally:
            self._open.discard(transport)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Answer with a file."""
        kind, name = request.match_info["kind"], request.match_info["name"]
        if kind == "dead":
            raise web.HTTPNotFound(text="There is nothing at this address.\n")
        data = self.content(kind, name)
        headers = {"Content-Type": _TYPES[name.rpartition(".")[2]]}
        if kind == "plain":
            response = web.StreamResponse(headers=headers)
            await response.prepare(request)
            start, stop = 0, len(data)
        else:
            response, start, stop = await begin(request, len(data), {**headers, "ETag": f'"{name}"'})
        await pour(response, self._paced(data[start:stop], _RATES.get(kind)))
        return response

    async def segment(self, request: web.Request) -> web.StreamResponse:
        """Answer with a playlist or one of its segments."""
        path = self._samples.folder / "hls" / Path(request.match_info["path"]).name
        self.served(0)
        kind = "application/vnd.apple.mpegurl" if path.suffix == ".m3u8" else "video/mp2t"
        return web.Response(body=await asyncio.to_thread(path.read_bytes), content_type=kind)

    async def _paced(self, data: bytes, rate: int | None) -> AsyncIterator[bytes]:
        for at in range(0, len(data), _CHUNK):
            await self.going.wait()
            chunk = data[at : at + _CHUNK]
            self.served(len(chunk))
            yield chunk
            if rate:
                await asyncio.sleep(len(chunk) / rate)


@asynccontextmanager
async def serve_media(samples: Samples) -> AsyncIterator[Media]:
    """Serve for as long as the block runs, on any free port."""
    media = Media(samples)
    app = web.Application(middlewares=[media.gate])
    app.add_routes([web.get("/hls/{name}/{path:.+}", media.segment), web.get("/{kind}/{name}", media.file)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        media.address = f"127.0.0.1:{runner.addresses[0][1]}"
        media.url = f"http://{media.address}"
        yield media
    finally:
        media.going.set()
        await runner.cleanup()
