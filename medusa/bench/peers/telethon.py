"""Telethon's own ``upload_file`` and ``download_media``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from medusa.bench.peers import Client, Peer, Server
from medusa.bench.peers.kit import drive


class TelethonClient:
    """A Telethon client, or one of its subclasses, that transfers as it does out of the box."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def upload(self, path: Path) -> Any:
        """Send a file's parts."""
        return await self.client.upload_file(str(path))

    async def post(self, uploaded: Any) -> None:
        """Post what was uploaded to Saved Messages."""
        await self.client.send_file("me", uploaded, force_document=True)

    async def find(self) -> Any:
        """The latest message."""
        return (await self.client.get_messages("me", limit=1))[0]

    async def download(self, message: Any, path: Path) -> None:
        """Fetch a message's file."""
        await self.client.download_media(message, str(path))


@asynccontextmanager
async def logged_in(server: Server, kind: Any) -> AsyncIterator[Any]:
    """A client of class ``kind`` that has logged in with a code."""
    from telethon.crypto import rsa
    from telethon.sessions import MemorySession

    rsa.add_key(_text(server.key_file), old=False)
    session = MemorySession()
    session.set_dc(server.dc_id, server.host, server.port)
    client = kind(session, 1, "hash")
    await client.connect()
    try:
        await client.send_code_request(server.phone)
        await client.sign_in(server.phone, server.code)
        yield client
    finally:
        await client.disconnect()


@asynccontextmanager
async def _connect(server: Server, _folder: Path) -> AsyncIterator[Client]:
    from telethon import TelegramClient

    async with logged_in(server, TelegramClient) as client:
        yield TelethonClient(client)


def _text(path: str) -> str:
    return Path(path).read_text(encoding="ascii")


PEER = Peer("Telethon", "telethon", ("telethon", "cryptg"), _connect)

if __name__ == "__main__":
    drive(PEER)
