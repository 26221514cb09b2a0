"""fasttelethonhelper's ``fast_upload`` and ``fast_download``: many connections with one part each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from medusa.bench.peers import Client, Peer, Server
from medusa.bench.peers.kit import drive
from medusa.bench.peers.telethon import TelethonClient, logged_in


class _Fast(TelethonClient):
    async def upload(self, path: Path) -> Any:
        from FastTelethonhelper import fast_upload

        return await fast_upload(self.client, str(path))

    async def download(self, message: Any, path: Path) -> None:
        from FastTelethonhelper import fast_download

        await fast_download(self.client, message, download_folder=f"{path.parent}/")
        (path.parent / message.file.name).rename(path)


@asynccontextmanager
async def _connect(server: Server, _folder: Path) -> AsyncIterator[Client]:
    import FastTelethonhelper  # noqa: F401 - loaded before the upload is measured
    from telethon import TelegramClient

    async with logged_in(server, TelegramClient) as client:
        yield _Fast(client)


PEER = Peer("fasttelethonhelper", "fasttelethonhelper", ("FastTelethonhelper", "cryptg"), _connect)

if __name__ == "__main__":
    drive(PEER)
