"""Medusa's own uploader and downloader, over the same classes as the running program."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from medusa.bench.peers import Client, Peer, Server
from medusa.bench.peers.kit import drive


class _Medusa:
    def __init__(self, account: Any, lanes: Any, downloader: Any) -> None:
        from medusa.telegram.messages import Messenger
        from medusa.telegram.transfer import Uploader

        self._me = account.user_id
        self._client = account.client
        self._downloader = downloader
        self._uploader = Uploader(lanes)
        self._messenger = Messenger(account)

    async def upload(self, path: Path) -> Any:
        """Send a file's parts; returns the file, its ledger and Telegram's name for it."""
        from medusa.telegram.transfer import new_ledger

        ledger = new_ledger(path)
        return path, ledger, await self._send(path, ledger)

    async def _send(self, path: Path, ledger: Any) -> Any:
        return await self._uploader.upload(path, path.name, ledger, lambda _: None)

    async def post(self, uploaded: Any) -> None:
        """Post the file; parts that Telegram has lost meanwhile are sent again, as a job does it."""
        from medusa.documents import LOST_PARTS
        from medusa.model import LocalFile
        from medusa.telegram.errors import MissingPart
        from medusa.telegram.messages import Item, Manner, new_random_id

        path, ledger, handle = uploaded
        file = LocalFile(path, path.name, "application/octet-stream")
        for _ in range(LOST_PARTS):
            try:
                document = await self._messenger.store(self._me, handle, file, thumb=None, as_document=True)
            except MissingPart as missing:
                ledger.forget(missing.part)
                handle = await self._send(path, ledger)
            else:
                await self._messenger.post(self._me, Item(document, "", new_random_id()), Manner(silent=True))
                return

    async def find(self) -> Any:
        """Where the latest message's file lies."""
        from medusa.telegram.download import Stored

        return Stored.of((await self._client.get_messages("me", limit=1))[0].document)

    async def download(self, message: Any, path: Path) -> None:
        """Fetch a file."""
        await self._downloader.to_file(message, path, lambda _: None)


@asynccontextmanager
async def _connect(server: Server, folder: Path) -> AsyncIterator[Client]:
    from medusa.bench.instance import configuration, login
    from medusa.storage import open_store
    from medusa.storage.telegram import TelegramState
    from medusa.telegram.client import open_account
    from medusa.telegram.download import Downloader
    from medusa.telegram.lanes import Lanes
    from medusa.telegram.session import StoreSession

    async with AsyncExitStack() as stack:
        config = configuration(server, folder, await login(server))
        store = await stack.enter_async_context(open_store(config.data, key_file=None, passphrase=None))
        session = await StoreSession.load(TelegramState(store))
        await session.import_string(config.session_string or "")
        account = await stack.enter_async_context(open_account(config, session))
        lanes = await stack.enter_async_context(Lanes(account))
        yield _Medusa(account, lanes, await stack.enter_async_context(Downloader(account)))


PEER = Peer("Medusa", "medusa", ("telethon", "cryptg"), _connect, own=True)

if __name__ == "__main__":
    drive(PEER)
