"""Answers with a part of a file, piece by piece."""

import contextlib
from collections.abc import AsyncIterable

from aiohttp import web


def byte_range(request: web.Request, size: int) -> tuple[int, int]:
    """From where to where (exclusive) the Range header wants a file of ``size`` bytes; all of it without one.

    Raises aiohttp's 416 for a malformed range and for one that lies outside of the file
    (https://www.rfc-editor.org/rfc/rfc9110#section-14.2).
    """
    try:
        asked = request.http_range
    except ValueError:
        raise web.HTTPRequestRangeNotSatisfiable from None
    start, stop, _ = asked.indices(size)
    if start >= stop and "Range" in request.headers:
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{size}"})
    return start, stop


async def begin(request: web.Request, size: int, headers: dict[str, str]) -> tuple[web.StreamResponse, int, int]:
    """Send the head of an answer for a file of ``size`` bytes; returns it with the range that its body must have."""
    start, stop = byte_range(request, size)
    partial = "Range" in request.headers
    response = web.StreamResponse(status=206 if partial else 200, headers={**headers, "Accept-Ranges": "bytes"})
    if partial:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    response.content_length = stop - start
    await response.prepare(request)
    return response, start, stop


async def pour(response: web.StreamResponse, chunks: AsyncIterable[bytes]) -> None:
    """Write the chunks into the answer's body until they end or the other side hangs up."""
    with contextlib.suppress(ConnectionResetError):
        async for chunk in chunks:
            await response.write(chunk)
