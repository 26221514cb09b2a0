"""Opens the panel's port, and closes it again."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from medusa.commands import Desk
from medusa.config import Address, Config
from medusa.errors import UserError
from medusa.storage import Store
from medusa.web.site import Site, site_of

if TYPE_CHECKING:
    from aiohttp import web

log = structlog.get_logger()

MOST_CONNECTIONS = 200
"""Connections at once; further ones are hung up on."""
_MOST_EARLY = 256 * 1024
"""Bytes that one connection may send before the panel is loaded."""
_IDLE = 15.0
"""Seconds that a connection may take to send the head of a request, and may stay open without one."""


class _Hall:
    """Where connections come in. The panel, which takes some memory, is loaded when the first one does."""

    def __init__(self, load: Callable[[], "web.Application"], tls: ssl.SSLContext | None) -> None:
        self._load = load
        self._tls = tls
        self._loading = asyncio.Lock()
        self._runner: web.AppRunner | None = None
        self._admissions: set[asyncio.Task[None]] = set()

    def arrived(self) -> asyncio.BaseProtocol:
        """What is to see to one more connection."""
        return _Arrival(self)

    def seat(self, arrival: "_Arrival", transport: asyncio.Transport) -> None:
        """Hand a connection to the panel, or hang up when there are too many."""
        known = len(self._runner.server.connections) if self._runner and self._runner.server else 0
        if known + len(self._admissions) >= MOST_CONNECTIONS:
            transport.abort()
            return
        transport.pause_reading()
        task = asyncio.get_running_loop().create_task(self._admit(arrival, transport))
        self._admissions.add(task)
        task.add_done_callback(self._admissions.discard)

    async def _admit(self, arrival: "_Arrival", transport: asyncio.Transport) -> None:
        if self._tls is not None:
            encrypted = await _encrypted(arrival, transport, self._tls)
            if encrypted is None:
                return
            transport = encrypted
        async with self._loading:
            if self._runner is None:
                self._runner = await _prepared(self._load)
        if transport.is_closing() or self._runner.server is None:
            return
        protocol = self._runner.server()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if arrival.early:
            protocol.data_received(bytes(arrival.early))
        transport.resume_reading()

    async def close(self) -> None:
        """Hang up on everybody."""
        for task in self._admissions:
            task.cancel()
        await asyncio.gather(*self._admissions, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()


class _Arrival(asyncio.Protocol):
    """Holds a connection until it is handed over."""

    def __init__(self, hall: _Hall) -> None:
        self._hall = hall
        self._transport: asyncio.Transport | None = None
        self.early = bytearray()
        """What was sent before: Python up to 3.11.3 goes on reading although it was told to pause."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._hall.seat(self, transport)

    def data_received(self, data: bytes) -> None:
        self.early += data
        if self._transport is not None and len(self.early) > _MOST_EARLY:
            self._transport.abort()


async def _encrypted(arrival: _Arrival, transport: asyncio.Transport, tls: ssl.SSLContext) -> asyncio.Transport | None:
    """The connection once both sides have agreed on a key; None when that fails, or takes too long.

    A server that does this by itself tells of a connection only then, so that others before it would not be counted.
    """
    loop = asyncio.get_running_loop()
    try:
        made = await loop.start_tls(transport, arrival, tls, server_side=True, ssl_handshake_timeout=_IDLE)
    except OSError:
        return None
    if made is not None:
        made.pause_reading()
    return made


async def _prepared(load: Callable[[], "web.Application"]) -> "web.AppRunner":
    app = await asyncio.to_thread(load)
    from aiohttp import web

    runner = web.AppRunner(app, access_log=None, keepalive_timeout=_IDLE, shutdown_timeout=0.5)
    await runner.setup()
    return runner


def _loaded(desk: Desk, store: Store, site: Site) -> "web.Application":
    from medusa.web.panel import Panel

    return Panel(desk, store, site).application()


@asynccontextmanager
async def serving(desk: Desk, store: Store, config: Config) -> AsyncIterator[None]:
    """Serve the panel while the block runs, where it is wanted and possible: ``desk.door`` says where, or why not."""
    try:
        async with _open(desk, store, config) as address:
            if address:
                log.info("panel.open", address=address)
            desk.door.address = address
            yield
    finally:
        desk.door.address = ""


@asynccontextmanager
async def _open(desk: Desk, store: Store, config: Config) -> AsyncIterator[str]:
    """The panel at work, and its address; an empty one where there is none, or it would be open to everybody."""
    if config.panel is None:
        yield ""
        return
    try:
        site_of(config, config.panel.host, config.panel.port)
        hall = _Hall(lambda: _loaded(desk, store, site), await asyncio.to_thread(_certificates, config))
        server = await _listen(hall.arrived, config.panel)
    except UserError as error:
        log.warning("panel.not_open", reason=error.user_text)
        desk.door.closed = error.user_text
        yield ""
        return
    async with server:
        site = site_of(config, config.panel.host, server.sockets[0].getsockname()[1])
        try:
            yield site.address
        finally:
            server.close()
            await hall.close()


async def _listen(connected: Callable[[], asyncio.BaseProtocol], where: Address) -> asyncio.Server:
    """Listen there. Raises UserError where that is not possible."""
    try:
        return await asyncio.get_running_loop().create_server(connected, where.host, where.port)
    except OSError as error:
        reason = error.strerror or "it is not possible"
        raise UserError(
            f"The panel does not listen at {where.host}:{where.port} ({reason}). Set MEDUSA_PANEL to another port."
        ) from None


def _certificates(config: Config) -> ssl.SSLContext | None:
    if config.panel_tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificates, key = config.panel_tls
    try:
        context.load_cert_chain(certificates, key, password="")
    except (OSError, ssl.SSLError) as error:
        raise UserError(
            f"The panel can't use {certificates.name} and {key.name} of MEDUSA_PANEL_TLS: {error}"
        ) from None
    return context
