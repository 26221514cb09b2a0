"""Reads a file's bytes over HTTP from any offset on, and proves that they still belong to the same file."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace

from medusa.errors import Broken, LoginNeeded, MedusaError, Scope, StreamBroken, Transient, UserError
from medusa.net import Answer
from medusa.sources import ByteStream, content, secret
from medusa.tools import Tools

_GAIN = 64 * 1024
"""Bytes that a try must gain before another follows at once."""
_WEAK_TRIES = 20
_PAUSE = 1.0


class Ground:
    """Judges by what each try has gained whether the next one follows."""

    def __init__(self) -> None:
        self._weak = 0

    async def gained(self, size: int, error: Transient) -> None:
        """Return when a try that gained ``size`` bytes and ended with ``error`` is worth another; else raise that.

        Tries that gain little are made after a pause, and some of them in a row are enough.
        """
        self._weak = 0 if size >= _GAIN else self._weak + 1
        if size == 0 or self._weak == _WEAK_TRIES:
            raise error
        if self._weak:
            await asyncio.sleep(_PAUSE)


@dataclass(frozen=True, slots=True)
class Body:
    """An answer that delivers a file from byte ``start`` on.

    ``size`` is that of the whole file, None while unknown. ``version`` proves that another answer carries the same
    bytes; it is empty when nothing does. ``answer`` is None when nothing is left to deliver.
    """

    start: int
    size: int | None
    version: str
    answer: Answer | None

    @property
    def partial(self) -> bool:
        """Whether the server has shown that it knows ranges."""
        return self.answer is not None and self.answer.status == 206

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The bytes. Raises Transient when the connection breaks."""
        if self.answer is not None:
            async with aclosing(self.answer.chunks()) as chunks:
                async for chunk in chunks:
                    yield chunk


@asynccontextmanager
async def opened(
    url: str,
    offset: int,
    version: str,
    tools: Tools,
    headers: Mapping[str, str] | None = None,
    most: int | None = None,
) -> AsyncIterator[Body]:
    """Ask for the bytes from ``offset`` on, of ``version``, at most ``most`` of them.

    The answer may start at 0 all the same, when the server knows no ranges or the file has changed. Raises
    StreamBroken when the server has lost its place, and the errors of a refused or unreachable link.
    """
    wanted = dict(headers or {})
    if offset or most:
        wanted["Range"] = f"bytes={offset}-{offset + most - 1 if most else ''}"
    if offset and version:
        wanted["If-Range"] = version
    async with tools.web.get(url, {**wanted, **await secret.headers_for(url, tools)}) as answer:
        size = content.size_of(answer.status, answer.headers)
        if offset and answer.status == 416 and size == offset:
            yield Body(offset, size, version, None)
            return
        start = _start(answer, offset, version)
        if content.is_page(answer.headers, b""):
            raise UserError("The server now answers with a web page in place of the file.")
        check_size(size, tools)
        yield Body(start, size, content.version_of(answer.headers) if size is not None else "", answer)


async def measured(stream: ByteStream, tools: Tools) -> ByteStream | None:
    """The stream with the size and the version that its server names; None when it does not give out the file."""
    try:
        async with opened(stream.url, 0, "", tools, stream.headers, content.HEAD_BYTES) as body:
            return replace(stream, size=body.size, version=body.version if body.partial else "")
    except MedusaError:
        return None


async def read(stream: ByteStream, offset: int, tools: Tools) -> AsyncGenerator[bytes, None]:
    """The bytes of a stream from ``offset`` on; after a break it goes on by range, as long as that gains ground.

    Raises StreamBroken when the server refuses or cannot go on, Transient when nothing is gained any more, UserError
    for too many bytes.
    """
    done, ground = offset, Ground()
    while True:
        before = done
        try:
            async with _next(stream, done, tools) as body, aclosing(body.chunks()) as chunks:
                async for chunk in chunks:
                    done += len(chunk)
                    check_size(done, tools)
                    yield chunk
            if body.size is None or done >= body.size:
                return
            if not stream.most or done == before:
                raise Transient("The server ended the file too early.")
        except Transient as error:
            if done and not stream.version:
                raise StreamBroken("The connection broke, and the server cannot go on where it did.") from error
            await ground.gained(done - before, error)


@asynccontextmanager
async def _next(stream: ByteStream, offset: int, tools: Tools) -> AsyncIterator[Body]:
    """What follows at ``offset``; a server that refuses it, or has something else, breaks the stream."""
    if offset and not stream.version:
        raise StreamBroken("Nothing proves that the server would go on with the same file.")
    async with AsyncExitStack() as stack:
        answer = opened(stream.url, offset, stream.version, tools, stream.headers, stream.most)
        try:
            body = await stack.enter_async_context(answer)
        except UserError as error:
            raise StreamBroken(error.user_text) from error
        other = body.size != stream.size or (not offset and body.version != stream.version)
        if body.start != offset or (stream.version and other):
            raise StreamBroken("The server cannot go on with the same file.")
        yield body


def _start(answer: Answer, offset: int, version: str) -> int:
    """Tell from which byte on the answer delivers: the one that was asked for, or the beginning."""
    partial = answer.status == 206
    if answer.status == 416 or (partial and content.range_of(answer.headers)[0] != offset):
        raise StreamBroken("The server lost its place in the file.")
    expect(answer, 200, 206)
    if partial and offset and _differ(version, content.version_of(answer.headers)):
        raise StreamBroken("The server has another file now.")
    return offset if partial else 0


def _differ(one: str, other: str) -> bool:
    """Whether two versions contradict each other, for servers that overlook If-Range; an ETag says nothing of a date.

    A partial answer may leave out the date (RFC 9110, 15.3.7).
    """
    return bool(one and other) and one.startswith('"') == other.startswith('"') and one != other


def check_size(size: int | None, tools: Tools) -> None:
    """Raise UserError for more bytes than a job may fetch or a post may have."""
    limit = min(tools.max_bytes, tools.upload_limit)
    if size is not None and size > limit:
        raise UserError(f"The file is too big: {size / 1e6:,.0f} MB, and {limit / 1e6:,.0f} MB is the limit.")


def check_sum(sizes: Sequence[int], tools: Tools) -> None:
    """Raise UserError where several files have more bytes together than a job may fetch."""
    if (total := sum(sizes)) > tools.max_bytes:
        big = f"These {len(sizes)} files are too big: {total / 1e6:,.0f} MB"
        raise UserError(f"{big}, and {tools.max_bytes / 1e6:,.0f} MB is the limit.")


def expect(answer: Answer, *wanted: int) -> None:
    """Raise what another status than those wanted means for the owner, RFC 9110 section 15."""
    if answer.status not in wanted:
        raise _refusal(answer.status, answer.headers)


def _refusal(status: int, headers: Mapping[str, str]) -> MedusaError:
    if status in (404, 410):
        return UserError(f"The link is dead: the server has no such file ({status}).")
    if status in (401, 407):
        return LoginNeeded(f"This link wants a login ({status}). If you have one, send its /cookies or /token.")
    if status in (402, 403):
        return LoginNeeded(f"The server refuses us ({status}): the link is private, meant for others, or has expired.")
    if status == 451:
        return UserError(f"The law forbids the server to hand this out here ({status}).")
    if status in (408, 425, 429) or status >= 500:
        scope = Scope.HOST if status == 429 else Scope.JOB  # too many requests, RFC 6585 section 4
        words = "asks to be left alone for a while" if status == 429 else "is busy"
        return Transient(f"The server {words} ({status}).", after=_retry_after(headers), scope=scope)
    if 400 <= status < 500:
        return UserError(f"The server does not accept this link ({status}).")
    return Broken(f"The server gave an answer that makes no sense ({status}).")


def _retry_after(headers: Mapping[str, str]) -> float:
    """Read Retry-After in seconds (its other form, a date, counts as absent), at most an hour."""
    value = headers.get("Retry-After", "").strip()
    return min(float(value), 3600.0) if value.isascii() and value.isdigit() else 15.0
