"""Opens the panel's port, and closes it again."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from medusa.commands import Desk
from medusa.config import Config, Listen
from medusa.errors import UserError
from medusa.storage import Store
from medusa.web.panel import Panel
from medusa.web.site import site_of

log = structlog.get_logger()

MOST_CONNECTIONS = 200
"""Connections at once; further ones are hung up on."""
_IDLE = 15.0
"""Seconds that a connection may take to send the head of a request, and may stay open without one."""


class _Refusing(asyncio.Protocol):
    """Hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.abort()


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
    """The panel at work, and its address; an empty one where there is none."""
    if config.panel is None:
        yield ""
        return
    runners: list[web.AppRunner] = []

    def connected() -> asyncio.BaseProtocol:
        server = runners[0].server if runners else None
        return server() if server and len(server.connections) < MOST_CONNECTIONS else _Refusing()

    try:
        server = await _listen(connected, config.panel, config)
    except UserError as error:
        log.warning("panel.not_open", reason=error.user_text)
        desk.door.closed = error.user_text
        yield ""
        return
    async with server:
        site = site_of(config, config.panel.host, server.sockets[0].getsockname()[1])
        app = Panel(desk, store, site).application()
        runner = web.AppRunner(app, access_log=None, keepalive_timeout=_IDLE, shutdown_timeout=0.5)
        await runner.setup()
        try:
            runners.append(runner)
            yield site.address
        finally:
            server.close()
            await runner.cleanup()


async def _listen(connected: Callable[[], asyncio.BaseProtocol], where: Listen, config: Config) -> asyncio.Server:
    """Listen there. Raises UserError where that is not possible, or would be open to everybody."""
    site_of(config, where.host, where.port)
    tls = await asyncio.to_thread(_certificates, config)
    try:
        return await asyncio.get_running_loop().create_server(connected, where.host, where.port, ssl=tls)
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
