"""Small real images, and an imitation of a site that has galleries of them."""

import struct
import zlib
from collections.abc import Awaitable, Callable

from aiohttp import web

Body = Callable[[int], bytes]


def png(number: int, width: int = 48, height: int = 32) -> bytes:
    """A PNG of one colour."""
    colour = bytes((number * 37 % 256, number * 91 % 256, number * 11 % 256))
    rows = (b"\0" + colour * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*one) for one in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\x00\x00\x00\xff\x00\x21\xf9\x04\x00\x0a\x00\x00\x00"
    b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b"
)
PAGE = b"<!DOCTYPE html><html><body>Please log in.</body></html>"


def gallery_site(body: Body = png) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A Mastodon whose status number N has N images; ``body`` makes the bytes of each."""

    async def handle(request: web.Request) -> web.StreamResponse:
        path = request.path
        if path.startswith("/api/v1/statuses/"):
            count = int(path.rpartition("/")[2])
            return web.json_response(_status(count, f"http://{request.host}")) if count else web.Response(status=404)
        data = body(int(path.strip("/").partition(".")[0]))
        return web.Response(body=data, content_type="image/gif" if data is GIF else "image/png")

    return handle


def _status(count: int, root: str) -> dict[str, object]:
    """https://docs.joinmastodon.org/entities/Status/"""
    media = [{"id": str(number), "type": "image", "url": f"{root}/{number}.png"} for number in range(1, count + 1)]
    return {
        "id": str(count),
        "created_at": "2026-01-02T03:04:05.000Z",
        "in_reply_to_id": None,
        "reblog": None,
        "card": None,
        "tags": [],
        "content": "<p>My <b>trip</b></p>",
        "account": {"id": "1", "username": "me", "acct": "me"},
        "media_attachments": media,
    }
