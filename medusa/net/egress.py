"""The HTTP proxy on loopback through which children reach the network, each with a token of its own."""

import asyncio
import base64
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from medusa.errors import MedusaError, Transient, UserError
from medusa.net.guard import Guard
from medusa.net.web import connection_error
from medusa.throttle import Flow, Throttle, current_flow

_MAX_HEAD = 64 * 1024
_CHUNK = 128 * 1024
_HEAD_SECONDS = 30
_CONNECT_SECONDS = 10
_HOP_HEADERS = frozenset(
    {"connection", "keep-alive", "proxy-connection", "proxy-authorization", "te", "trailer", "upgrade"}
)
"""Headers that concern one connection only, RFC 9110 section 7.6.1."""


@dataclass(eq=False, slots=True)
class Lease:
    """A child's leave to use the proxy.

    ``error`` is the last connection that was refused or failed, in words for the owner: the child itself only knows
    that its proxy said no. ``tasks`` are the connections under way. What they fetch belongs to the ``flow`` of the job
    that took the lease.
    """

    url: str
    error: MedusaError | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    flow: Flow = field(default_factory=current_flow)


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
    def lease(self) -> Iterator[Lease]:
        """Open the proxy for one child: ``url`` with its token is good inside the block, and connections end with
        it.
        """
        token = secrets.token_urlsafe(24)
        lease = Lease(f"http://job:{token}@127.0.0.1:{self._port}")
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
            upstream, sender = await self._connect(host, port)
        except UserError as error:
            lease.error = error
            raise _RefusedError("403 Forbidden") from error
        except Transient as error:
            lease.error = error
            raise _RefusedError("502 Bad Gateway") from error
        inward = _Paced(upstream, self._throttle, lease.flow), writer
        try:
            if request.method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await _tunnel((reader, sender), inward)
            else:
                await _exchange(request, (reader, sender), inward)
        finally:
            sender.close()

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Resolve once, check each address, and connect to one of the checked addresses as such."""
        failure: MedusaError | None = None
        for address in await _lookup(host, port):
            try:
                self._guard.check(host, address, port)
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await asyncio.open_connection(address, port, limit=_MAX_HEAD)
            except UserError as error:
                failure = failure or error
            except OSError as error:
                failure = connection_error(host, error)
        raise failure or UserError(f"There is no host named {host}.")


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


class _Paced:
    """The upstream's end of a connection, read no faster than the throttle lets its flow: the kernel slows the rest."""

    def __init__(self, reader: asyncio.StreamReader, throttle: Throttle, flow: Flow) -> None:
        self._reader = reader
        self._throttle = throttle
        self._flow = flow

    async def read(self, most: int) -> bytes:
        chunk = await self._reader.read(self._throttle.portion(most))
        await self._throttle.take(len(chunk), self._flow)
        return chunk

    async def readuntil(self, separator: bytes) -> bytes:
        return await self._reader.readuntil(separator)


_Outward = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_Inward = tuple[_Paced, asyncio.StreamWriter]
"""Where bytes come from, and where they go."""


async def _tunnel(outward: _Outward, inward: _Inward) -> None:
    """Carry bytes both ways until either end is through."""
    await _either(_pump(*outward), _pump(*inward))


async def _exchange(request: _Request, outward: _Outward, inward: _Inward) -> None:
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
    if not (size.isascii() and size.isdigit()):
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


async def _answer_back(upstream: _Paced, writer: asyncio.StreamWriter) -> None:
    """Pass the answer on, with its head changed to close the connection."""
    while True:
        head = (await upstream.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = head.rstrip("\r\n").split("\r\n")
        if not status.partition(" ")[2].startswith("1"):
            break
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


async def _pump(reader: asyncio.StreamReader | _Paced, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
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
