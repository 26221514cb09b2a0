"""Fetches a file that an HTTP server hands out as it is, and goes on where an earlier try broke off."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from medusa.errors import Broken, StreamBroken, Transient, UserError
from medusa.model import LocalFile, Order, Progress, Report
from medusa.names import display_name, safe_file_name
from medusa.net import Answer
from medusa.sources import ByteStream, Plan, Source, content, ranged, secret, told
from medusa.sources.described import Description
from medusa.sources.ranged import Body, Ground
from medusa.tools import Tools

_PART = "download.part"
_VERSION = "download.json"
_HEAD_SECONDS = 60.0
_WRITE = 1024 * 1024
"""Bytes that are gathered before they are written."""
_WRITE_AFTER = 1.0
"""Seconds after which also less is written, so that a slow server's progress is seen."""


async def resolve(order: Order, workdir: Path, tools: Tools, report: Report) -> Plan | None:  # noqa: ARG001 - the seam
    """Look at the first bytes; a web page or a stream's manifest is left to the other sources."""
    wanted = {"Range": f"bytes=0-{content.HEAD_BYTES - 1}", **await secret.headers_for(order.link, tools)}
    async with tools.web.get(order.link, wanted) as answer:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await _head(answer)
        except TimeoutError:
            raise Transient("The server is too slow to say what it has.", after=15) from None
        headers, status = answer.headers, answer.status
        page = content.is_page(headers, head)
        if page and status in (200, 206, 401, 403, 406, 416):
            return None
        size = content.size_of(status, headers)
        if status == 416 and size != 0:
            raise Broken("The server gives out neither the whole file nor its beginning.")
        if status != 416:
            ranged.expect(answer, 200, 206)
        if content.is_manifest(headers, head):
            return None
        if content.is_packed(headers):
            raise UserError("The server sends this file packed in a way that Medusa does not know.")
        if size == 0 or not head:
            raise UserError("The file behind this link is empty.")
        ranged.check_size(size, tools)
        name = content.file_name(answer.url, headers)
        kind = content.type_of(name, headers)
        version = content.version_of(headers) if status == 206 and size is not None else ""
        stream = ByteStream(order.link, _name(order, name), kind, size, version)
        return Plan(order.link, display_name(name), name, size, {"mime": kind}, stream)


async def describe(order: Order, items: str, workdir: Path, tools: Tools) -> Description | None:
    """Say what the file is; where ``items`` are asked for, a feed is left to who can read it."""
    plan = await resolve(order, workdir, tools, lambda _: None)
    if plan is None or (items and str(plan.details["mime"]).endswith("xml")):
        return None
    return told(plan)


async def fetch(plan: Plan, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile:
    """Download to the work folder; tries again at once as long as each try gains ground.

    Raises Transient when the connection breaks without gain; what has arrived is kept for the next call.
    """
    name = plan.name or "file"
    ending = Path(name).suffix
    done = workdir / f"download{ending}"
    if not done.exists():
        await _complete(plan, workdir, tools, report)
        (workdir / _PART).replace(done)
        (workdir / _VERSION).unlink(missing_ok=True)
    return LocalFile(done, _name(order, name), str(plan.details["mime"]))


def _name(order: Order, name: str) -> str:
    """The name that the owner wants, with the file's own extension, else its own."""
    return safe_file_name(order.name, extension=Path(name).suffix) if order.name else name


async def _complete(plan: Plan, workdir: Path, tools: Tools, report: Report) -> None:
    ground = Ground()
    while True:
        before = _size(workdir)
        try:
            return await _pull(plan, workdir, tools, report)
        except Transient as error:
            await ground.gained(max(0, _size(workdir) - before), error)


async def _pull(plan: Plan, workdir: Path, tools: Tools, report: Report) -> None:
    """Ask once for what is still missing and append it."""
    have, (version, size) = _size(workdir), _noted(workdir)
    try:
        async with ranged.opened(plan.link, have if version else 0, version, tools) as body:
            if not body.start:
                _expect(plan, body.size)
                _begin(workdir, body.version, body.size)
            elif body.size != size:
                raise StreamBroken("The server has another file now.")
            await _append(body, workdir, tools, report)
    except StreamBroken:
        _forget(workdir)
        raise Transient("The server lost its place in the file; starting again.", after=1) from None
    if body.size is not None and _size(workdir) != body.size:
        raise Transient("The server ended the file too early.")
    if not _size(workdir):
        raise UserError("The file behind this link is empty.")


async def _append(body: Body, workdir: Path, tools: Tools, report: Report) -> None:
    done = body.start
    report(Progress(done, body.size))
    with (workdir / _PART).open("ab") as part:
        async with aclosing(_gathered(body)) as blocks:
            async for block in blocks:
                done += len(block)
                ranged.check_size(done, tools)
                await asyncio.to_thread(part.write, block)
                part.flush()
                report(Progress(done, body.size))


async def _gathered(body: Body) -> AsyncGenerator[bytes, None]:
    """Join the body's chunks into larger blocks; what has arrived when the connection breaks is yielded, too."""
    block = bytearray()
    written = time.monotonic()
    try:
        async with aclosing(body.chunks()) as chunks:
            async for chunk in chunks:
                block += chunk
                if len(block) >= _WRITE or time.monotonic() - written >= _WRITE_AFTER:
                    yield bytes(block)
                    block.clear()
                    written = time.monotonic()
    except Transient:
        if block:
            yield bytes(block)
        raise
    if block:
        yield bytes(block)


async def _head(answer: Answer) -> bytes:
    head = bytearray()
    async with aclosing(answer.chunks()) as chunks:
        async for chunk in chunks:
            head += chunk
            if len(head) >= content.HEAD_BYTES:
                break
    return bytes(head[: content.HEAD_BYTES])


def _expect(plan: Plan, size: int | None) -> None:
    """Refuse what came in place of the file since the look at it, such as the note that the link has expired."""
    if size is not None and plan.size is not None and size != plan.size:
        raise UserError(
            f"The server now sends something else: {size:,} bytes in place of {plan.size:,}. Send the link again."
        )


def _size(workdir: Path) -> int:
    part = workdir / _PART
    return part.stat().st_size if part.exists() else 0


def _begin(workdir: Path, version: str, size: int | None) -> None:
    """Empty the part file and note which version of the file it is going to hold, in an order that a crash cannot
    spoil.
    """
    _forget(workdir)
    (workdir / _PART).write_bytes(b"")
    if version:
        note = workdir / f"{_VERSION}.new"
        note.write_text(json.dumps({"version": version, "size": size}), encoding="utf-8")
        note.replace(workdir / _VERSION)


def _forget(workdir: Path) -> None:
    (workdir / _VERSION).unlink(missing_ok=True)
    (workdir / _PART).unlink(missing_ok=True)


def _noted(workdir: Path) -> tuple[str, int | None]:
    """Version and size of the file whose beginning is there; no version means that the download starts over."""
    try:
        note = json.loads((workdir / _VERSION).read_text(encoding="utf-8"))
        return str(note["version"]), note["size"]
    except (OSError, ValueError, KeyError):
        return "", None  # none yet, or cut short by a power failure


SOURCE = Source(
    name="http",
    rank=50,
    # A name that ends in .html says itself that it is a page.
    pattern=re.compile(r"https?://(?![^?#]*\.x?html?(?:[?#]|\Z))", re.IGNORECASE),
    resolve=resolve,
    fetch=fetch,
    read=ranged.read,
    examples=("https://example.com/files/talk.mp4", "http://example.com/archive.zip"),
    describe=describe,
)
