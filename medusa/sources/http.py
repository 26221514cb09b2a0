"""Fetches a file that an HTTP server hands out as it is, and goes on where an earlier try broke off."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path

from medusa.errors import Broken, MedusaError, Transient, UserError
from medusa.model import LocalFile, Order, Progress, Report
from medusa.names import display_name, safe_file_name
from medusa.net import Answer
from medusa.sources import Plan, Source, content
from medusa.tools import Tools

_PART = "download.part"
_VERSION = "download.json"
_HEAD_SECONDS = 60.0
_WRITE = 1024 * 1024
"""Bytes that are gathered before they are written, and that a try must gain before another follows at once."""
_WRITE_AFTER = 1.0
"""Seconds after which also less is written, so that a slow server's progress is seen."""


async def resolve(order: Order, workdir: Path, tools: Tools, report: Report) -> Plan | None:  # noqa: ARG001 - the seam
    """Look at the first bytes; a web page or a stream's manifest is left to the other sources."""
    async with tools.web.get(order.link, {"Range": f"bytes=0-{content.HEAD_BYTES - 1}"}) as answer:
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
            _expect(answer, 200, 206)
        if content.is_manifest(headers, head):
            return None
        if size == 0 or not head:
            raise UserError("The file behind this link is empty.")
        _fits(size, tools)
        name = content.file_name(answer.url, headers)
        kind = content.type_of(name, headers)
        return Plan(order.link, display_name(name), name, size, {"mime": kind})


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
    if order.name:
        name = safe_file_name(order.name, extension=ending)
    return LocalFile(done, name, str(plan.details["mime"]))


async def _complete(plan: Plan, workdir: Path, tools: Tools, report: Report) -> None:
    while True:
        before = _size(workdir)
        try:
            return await _pull(plan.link, workdir, tools, report)
        except Transient:
            if _size(workdir) < before + _WRITE:
                raise


async def _pull(link: str, workdir: Path, tools: Tools, report: Report) -> None:
    """Ask once for what is still missing and append it."""
    have, version = _size(workdir), _read_version(workdir)
    if not version:
        have = 0
    wanted = {"Range": f"bytes={have}-", "If-Range": version} if have else {}
    async with tools.web.get(link, wanted) as answer:
        if answer.status == 416 and content.size_of(416, answer.headers) == have:
            return
        start = _start(answer, have, workdir)
        if content.is_page(answer.headers, b""):
            raise UserError("The server now answers with a web page in place of the file.")
        size = content.size_of(answer.status, answer.headers)
        _fits(size, tools)
        if not start:
            _begin(workdir, content.version_of(answer.headers) if size is not None else "")
        await _append(answer, start, size, workdir, tools, report)
    if size is not None and _size(workdir) != size:
        raise Transient("The server ended the file too early.")
    if not _size(workdir):
        raise UserError("The file behind this link is empty.")


def _start(answer: Answer, have: int, workdir: Path) -> int:
    """Tell from which byte on the answer delivers: where we stopped, or the beginning; anything else starts over."""
    if answer.status == 416 or (answer.status == 206 and content.range_of(answer.headers)[0] != have):
        _forget(workdir)
        raise Transient("The server lost its place in the file; starting again.", after=1)
    _expect(answer, 200, 206)
    return have if answer.status == 206 else 0


async def _append(answer: Answer, start: int, size: int | None, workdir: Path, tools: Tools, report: Report) -> None:
    done = start
    report(Progress(done, size))
    with (workdir / _PART).open("ab") as part:
        async with aclosing(_gathered(answer)) as blocks:
            async for block in blocks:
                done += len(block)
                if done > tools.max_bytes:
                    raise _too_big(done, tools.max_bytes)
                await asyncio.to_thread(part.write, block)
                part.flush()
                report(Progress(done, size))


async def _gathered(answer: Answer) -> AsyncGenerator[bytes, None]:
    """Join the answer's chunks into larger blocks; what has arrived when the connection breaks is yielded, too."""
    block = bytearray()
    written = time.monotonic()
    try:
        async with aclosing(answer.chunks()) as chunks:
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


def _size(workdir: Path) -> int:
    part = workdir / _PART
    return part.stat().st_size if part.exists() else 0


def _begin(workdir: Path, version: str) -> None:
    """Empty the part file and note which version of the file it is going to hold, in an order that a crash cannot
    spoil.
    """
    _forget(workdir)
    (workdir / _PART).write_bytes(b"")
    if version:
        note = workdir / f"{_VERSION}.new"
        note.write_text(json.dumps({"version": version}), encoding="utf-8")
        note.replace(workdir / _VERSION)


def _forget(workdir: Path) -> None:
    (workdir / _VERSION).unlink(missing_ok=True)
    (workdir / _PART).unlink(missing_ok=True)


def _read_version(workdir: Path) -> str:
    note = workdir / _VERSION
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError):
        return ""  # none yet, or cut short by a power failure: the download starts over


def _fits(size: int | None, tools: Tools) -> None:
    limit = min(tools.max_bytes, tools.upload_limit)
    if size is not None and size > limit:
        raise _too_big(size, limit)


def _too_big(size: int, limit: int) -> UserError:
    return UserError(f"The file is too big: {size / 1e6:,.0f} MB, and {limit / 1e6:,.0f} MB is the limit.")


def _expect(answer: Answer, *wanted: int) -> None:
    if answer.status not in wanted:
        raise _refusal(answer.status, answer.headers)


def _refusal(status: int, headers: Mapping[str, str]) -> MedusaError:
    """Say in words what an HTTP status means for the owner, RFC 9110 section 15."""
    if status in (404, 410):
        return UserError(f"The link is dead: the server has no such file ({status}).")
    if status in (401, 403, 407):
        return UserError(f"The link is private: the server wants a login or refuses us ({status}).")
    if status in (408, 425, 429) or status >= 500:
        return Transient(f"The server is busy ({status}).", after=_retry_after(headers))
    if 400 <= status < 500:
        return UserError(f"The server does not accept this link ({status}).")
    return Broken(f"The server gave an answer that makes no sense ({status}).")


def _retry_after(headers: Mapping[str, str]) -> float:
    """Read Retry-After in seconds (its other form, a date, counts as absent), at most an hour."""
    value = headers.get("Retry-After", "").strip()
    return min(float(value), 3600.0) if value.isascii() and value.isdigit() else 15.0


SOURCE = Source(
    name="http",
    rank=50,
    # A name that ends in .html says itself that it is a page.
    pattern=re.compile(r"https?://(?![^?#]*\.x?html?(?:[?#]|\Z))", re.IGNORECASE),
    resolve=resolve,
    fetch=fetch,
    examples=("https://example.com/files/talk.mp4", "http://example.com/archive.zip"),
)
