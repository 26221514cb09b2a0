"""Clients of the embedded Telegram for the tests: Telethon as it is, and Kurigram, which shares no code with it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.network import ConnectionTcpFull
from telethon.sessions import MemorySession

from medusa.loopback import Account, Loopback


def session_for(loopback: Loopback) -> Any:
    """A fresh Telethon session that points at the server and trusts its key."""
    rsa.add_key(loopback.key_file.read_text(), old=False)
    session = MemorySession()
    session.set_dc(loopback.dc_id, loopback.host, loopback.port)
    return session


@asynccontextmanager
async def connected(
    loopback: Loopback, session: Any = None, framing: Any = ConnectionTcpFull, **options: Any
) -> AsyncIterator[Any]:
    """A connected Telethon client, logged in only if its session is."""
    session = session or session_for(loopback)
    session.set_dc(loopback.dc_id, loopback.host, loopback.port)
    options = {"retry_delay": 0, "raise_last_call_error": True, "request_retries": 1} | options
    client = TelegramClient(session, 1, "hash", connection=framing, **options)
    await client.connect()
    try:
        yield client
    finally:
        await client.disconnect()


@asynccontextmanager
async def logged_in(loopback: Loopback, account: Account | None = None, **options: Any) -> AsyncIterator[Any]:
    """A Telethon client that has logged in with a code."""
    account = account or loopback.owner
    async with connected(loopback, **options) as client:
        await client.send_code_request(account.phone)
        await client.sign_in(account.phone, account.code)
        yield client


class Heard:
    """Collects a client's events of one kind."""

    def __init__(self, client: Any, kind: Any) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        client.add_event_handler(self._queue.put, kind)

    async def next(self) -> Any:
        """The next event."""
        return await asyncio.wait_for(self._queue.get(), 10)

    @property
    def empty(self) -> bool:
        """True when nothing more has come."""
        return self._queue.empty()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)
