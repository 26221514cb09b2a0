"""The HTTP proxy on loopback through which children reach the network, each with a token of its own."""

import asyncio
import base64
import math
import re
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from medusa.errors import Broken, MedusaError, Transient, UserError
from medusa.net.floor import Floor
from medusa.net.guard import Guard, Refused, spoken
from medusa.net.web import connection_error
from medusa.throttle import Flow, Throttle, current_flow

_MAX_HEAD = 64 * 1024
_CHUNK = 128 * 1024
_CONNECTION = 128 * 1024
"""What a connection counts for, so that pages that lead to and fro for ever use up a lease, too."""
_HEAD_SECONDS = 30
_CONNECT_SECONDS = 10
_MAX_INTERIM = 16
"""Answers that only announce the answer (1xx) after which a server is taken to be mocking."""
_TLS_HANDSHAKE = b"\x16"
"""The first byte of what a client says to a server by TLS, RFC 8446 section 5.1."""
_HOP_HEADERS = frozenset(
    {"connection", "keep-alive", "proxy-connection", "proxy-authorization", "te", "trailer", "upgrade"}
)
"""Headers that concern one connection only, RFC 9110 section 7.6.1."""


@dataclass(eq=False, slots=True)
class Lease:
    """A child's leave to use the proxy.

    ``error`` is the last connection that was refused or failed, in words for the owner: the child itself only knows
    that its proxy said no. ``tasks`` are the connections under way. What they fetch belongs to the ``flow`` of the job
    that took the lease. It may not get more than ``left`` bytes, each connection counted as 128 KB more.
    """

    url: str
    left: float = math.inf
    error: MedusaError | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    flow: Flow = field(default_factory=current_flow)

    def take(self, size: int) -> None:
        """Count bytes that came. Raises UserError when there were too many."""
        self.left -= size
        if self.left < 0:
            raise UserError("There is too much to read behind this link.")


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    headers: list[tuple[str, str]]

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


class _RefusedError(Exception):
    """The answer to a request that goes nowhere: status and reason."""

    def __init__(self, status: str, *headers: str) -> None:
        super().__init__(status)
        self.answer = "\r\n".join((f"HTTP/1.1 {status}", *headers, "Content-Length: 0", "Connection: close", "", ""))


class Egress:
    """The way out for children. A child without a valid token gets 407; what the guard refuses gets 403."""

    def __init__(self, guard: Guard, port: int, throttle: Throttle) -> None:
        self._guard = guard
        self._port = port
        self._throttle = throttle
        self._leases: dict[str, Lease] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def lease(self, most: int | None = None) -> Iterator[Lease]:
        """Open the proxy for one child: ``url`` with its token is good inside the block, and connections end with
        it. The child gets at most ``most`` bytes.
        """
        token = secrets.token_urlsafe(24)
        lease = Lease(f"http://job:{token}@127.0.0.1:{self._port}", math.inf if most is None else most)
        self._leases[token] = lease
        try:
            yield lease
        finally:
            del self._leases[token]
            for task in lease.tasks:
                task.cancel()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection of a child; its task lives no longer than the block of `open_egress`."""
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def hang_up(self) -> None:
        """End every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # What either end breaks off ends this one connection; the child sees it and says so.
        try:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._answer(reader, writer)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                request = _parse(await reader.readuntil(b"\r\n\r\n"))
            lease = self._authorised(request)
            with _joined(lease):
                await self._pass_on(request, lease, reader, writer)
        except _RefusedError as refusal:
            writer.write(refusal.answer.encode())
            await writer.drain()

    def _authorised(self, request: _Request) -> Lease:
        kind, _, coded = request.header("proxy-authorization").partition(" ")
        with suppress(ValueError):
            token = base64.b64decode(coded.strip()).decode().partition(":")[2]
            if kind.lower() == "basic" and token in self._leases:
                return self._leases[token]
        raise _RefusedError("407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="medusa"')

    async def _pass_on(
        self, request: _Request, lease: Lease, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        host, port = _destination(request)
        try:
            lease.take(_CONNECTION)
            if request.method != "CONNECT":
                self._guard.check_plain(host, port)
            upstream, sender = await self._connect(host, port)
        except UserError as error:
            lease.error = error
            raise _RefusedError("403 Forbidden") from error
        except Transient as error:
            lease.error = error
            raise _RefusedError("502 Bad Gateway") from error
        inward = _Inward(upstream, host, self._throttle, lease), writer
        try:
            if request.method == "CONNECT":
                await self._open_tunnel((reader, sender), inward, host, port)
            else:
                await _exchange(request, (reader, sender), inward)
        except MedusaError as error:
            lease.error = error  # the child only sees that the connection ends
        finally:
            sender.close()

    async def _open_tunnel(
        self, outward: "_Way", inward: "tuple[_Inward, asyncio.StreamWriter]", host: str, port: int
    ) -> None:
        """Carry bytes both ways until either end is through; the child speaks first, as in TLS and HTTP."""
        inward[1].write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        first = await outward[0].read(_CHUNK)
        if first and not first.startswith(_TLS_HANDSHAKE):
            self._guard.check_plain(host, port)
        outward[1].write(first)
        await _either(_pump(*outward, inward[0].asked), _pump(*inward))

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Resolve once, check each address, and connect to one of the checked addresses as such."""
        failure: MedusaError | None = None
        for address in await _lookup(host, port):
            if refusal := self._guard.judge(host, address, port):
                failure = failure or refusal
                continue
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await asyncio.open_connection(address, port, limit=_MAX_HEAD)
            except OSError as error:
                failure = connection_error(host, error)
        if isinstance(failure, Refused):
            self._guard.noted(failure)
        raise failure or UserError(f"There is no host named {spoken(host)}.")


@asynccontextmanager
async def open_egress(guard: Guard, throttle: Throttle | None = None) -> AsyncIterator[Egress]:
    """Open the proxy on a free port of 127.0.0.1; leaving ends every connection.

    What children fetch passes as fast as ``throttle`` lets it, by default without a limit.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    egress = Egress(guard, listener.getsockname()[1], throttle or Throttle())
    server = await asyncio.start_server(egress.accept, sock=listener, limit=_MAX_HEAD)
    try:
        yield egress
    finally:
        server.close()
        await egress.hang_up()


@contextmanager
def _joined(lease: Lease) -> Iterator[None]:
    task = asyncio.current_task()
    if task is not None:
        lease.tasks.add(task)
    try:
        yield
    finally:
        if task is not None:
            lease.tasks.discard(task)


def _parse(head: bytes) -> _Request:
    """Parse a request line and headers, RFC 9112 sections 3 and 5."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    if any(set(line) & set("\r\n\0") for line in (first, *lines)):
        raise _RefusedError("400 Bad Request")  # a server might see another header there, RFC 9112 section 2.2
    method, _, rest = first.partition(" ")
    target, _, version = rest.partition(" ")
    if not version.startswith("HTTP/1.") or not target:
        raise _RefusedError("400 Bad Request")
    pairs = (line.partition(":") for line in lines)
    return _Request(method, target, [(name.strip(), value.strip()) for name, _, value in pairs])


def _destination(request: _Request) -> tuple[str, int]:
    """Tell host and port from ``host:port`` of a CONNECT or from an absolute http URL; there are no other forms for a
    proxy.
    """
    tunnel = request.method == "CONNECT"
    if not tunnel and not request.target.lower().startswith("http://"):
        raise _RefusedError("400 Bad Request")
    try:
        parts = urlsplit(f"//{request.target}" if tunnel else request.target)
        host, port = parts.hostname, parts.port or (None if tunnel else 80)
    except ValueError:
        host, port = None, None
    if not host or not port:
        raise _RefusedError("400 Bad Request")
    return host, port


async def _lookup(host: str, port: int) -> list[str]:
    """Resolve a name, or an address in any spelling, to canonical addresses without repetition."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise connection_error(host, error) from error
    except UnicodeError as error:
        raise UserError("This is not a valid link.") from error
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class _Inward:
    """The upstream's end of a connection, read no faster than the throttle lets its flow: the kernel slows the rest."""

    def __init__(self, reader: asyncio.StreamReader, host: str, throttle: Throttle, lease: Lease) -> None:
        self._reader = reader
        self._throttle = throttle
        self._lease = lease
        self._floor = Floor(spoken(host))
        self._asked = time.monotonic()

    def asked(self) -> None:
        """The child has said something: it is not waiting for the rest of an answer, as it may seem."""
        self._asked = time.monotonic()
        self._floor.begin()

    async def read(self, most: int) -> bytes:
        """What comes next. Raises UserError for more than the child may get, Transient for next to nothing."""
        began = time.monotonic()
        chunk = await self._reader.read(self._throttle.portion(most))
        self._floor.came(len(chunk), time.monotonic() - max(began, self._asked))
        self._lease.take(len(chunk))
        await self._throttle.take(len(chunk), self._lease.flow)
        return chunk

    async def readuntil(self, separator: bytes) -> bytes:
        """The head of an answer."""
        return await self._reader.readuntil(separator)


_Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]
"""Where bytes come from, and where they go."""


async def _exchange(request: _Request, outward: _Way, inward: tuple[_Inward, asyncio.StreamWriter]) -> None:
    """Carry one plain request and its answer; both connections close after it, so that none is reused for another
    host.
    """
    reader, sender = outward
    if request.header("transfer-encoding"):
        raise _RefusedError("411 Length Required")
    sender.write(_origin_form(request))
    await _copy(reader, sender, _length(request))
    await _either(_answer_back(*inward), _until_gone(reader))


def _length(request: _Request) -> int:
    size = request.header("content-length") or "0"
    if not re.fullmatch("[0-9]{1,18}", size):
        raise _RefusedError("400 Bad Request")
    return int(size)


def _origin_form(request: _Request) -> bytes:
    parts = urlsplit(request.target)
    path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    kept = [(key, value) for key, value in request.headers if key.lower() not in {*_HOP_HEADERS, "host", "expect"}]
    lines = [f"{request.method} {path} HTTP/1.1"]
    lines += [
        f"{key}: {value}" for key, value in (("Host", parts.netloc.rpartition("@")[2]), *kept, ("Connection", "close"))
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _answer_back(upstream: _Inward, writer: asyncio.StreamWriter) -> None:
    """Pass the answer on, with its head changed to close the connection."""
    for _ in range(_MAX_INTERIM):
        head = (await upstream.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = head.rstrip("\r\n").split("\r\n")
        if not status.partition(" ")[2].startswith("1"):
            break
    else:
        raise Broken("The server does not speak proper HTTP.")
    kept = [line for line in lines if line.partition(":")[0].strip().lower() not in _HOP_HEADERS]
    writer.write("\r\n".join([status, *kept, "Connection: close", "", ""]).encode("latin-1"))
    await _pump(upstream, writer)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int) -> None:
    while size > 0:
        chunk = await reader.read(min(size, _CHUNK))
        if not chunk:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(chunk)
        writer.write(chunk)
        await writer.drain()


async def _pump(
    reader: asyncio.StreamReader | _Inward, writer: asyncio.StreamWriter, seen: Callable[[], None] = lambda: None
) -> None:
    while chunk := await reader.read(_CHUNK):
        seen()
        writer.write(chunk)
        await writer.drain()


async def _until_gone(reader: asyncio.StreamReader) -> None:
    while await reader.read(_CHUNK):
        pass


async def _either(*works: Coroutine[Any, Any, None]) -> None:
    """Run until the first of these is through, and end the others."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
