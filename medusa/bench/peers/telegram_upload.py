"""telegram-upload's ways up and down: several parts at a time over Telethon's one connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from medusa.bench.peers import Client, Peer, Server
from medusa.bench.peers.kit import drive
from medusa.bench.peers.telethon import TelethonClient, logged_in


@asynccontextmanager
async def _connect(server: Server, _folder: Path) -> AsyncIterator[Client]:
    from telegram_upload.client.telegram_download_client import TelegramDownloadClient
    from telegram_upload.client.telegram_upload_client import TelegramUploadClient

    class Both(TelegramUploadClient, TelegramDownloadClient):  # type: ignore[misc]
        """As its own command line puts them together."""

    async with logged_in(server, Both) as client:
        yield TelethonClient(client)


PEER = Peer("telegram-upload", "telegram-upload", ("telegram_upload", "cryptg"), _connect)

if __name__ == "__main__":
    drive(PEER)
