"""Kurigram's ``save_file`` and ``download_media``."""

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from medusa.bench.peers import Client, Peer, Server
from medusa.bench.peers.kit import drive


class _Kurigram:
    def __init__(self, client: Any) -> None:
        self._client = client

    async def upload(self, path: Path) -> Any:
        return await self._client.save_file(str(path))

    async def post(self, uploaded: Any) -> None:
        from pyrogram.raw import functions, types

        name = types.DocumentAttributeFilename(file_name="data.bin")
        media = types.InputMediaUploadedDocument(
            file=uploaded, mime_type="application/octet-stream", attributes=[name], force_file=True
        )
        me = types.InputPeerSelf()
        await self._client.invoke(
            functions.messages.SendMedia(peer=me, media=media, message="", random_id=self._client.rnd_id())
        )

    async def find(self) -> Any:
        return await anext(self._client.get_chat_history("me", limit=1))

    async def download(self, message: Any, path: Path) -> None:
        await self._client.download_media(message, file_name=str(path))


@asynccontextmanager
async def _connect(server: Server, folder: Path) -> AsyncIterator[Client]:
    with warnings.catch_warnings():
        # On import it asks for the current event loop, which newer Pythons disapprove of.
        warnings.simplefilter("ignore", DeprecationWarning)
        from pyrogram import Client as Pyrogram
        from pyrogram.connection import Connection
        from pyrogram.crypto import rsa

    rsa.server_public_keys[server.fingerprint] = rsa.PublicKey(server.modulus, server.exponent)

    class Here(Connection):  # type: ignore[misc]
        def __init__(self, **where: Any) -> None:
            super().__init__(**where | {"server_address": server.host, "port": server.port})

    client = Pyrogram("bench", 1, "hash", in_memory=True, workdir=str(folder), connection_factory=Here, no_updates=True)
    await client.connect()
    try:
        sent = await client.send_code(server.phone)
        await client.sign_in(server.phone, sent.phone_code_hash, server.code)
        yield _Kurigram(client)
    finally:
        for session in client.media_sessions.values():
            await session.stop()
        await client.disconnect()


PEER = Peer("Kurigram", "kurigram", ("pyrogram", "tgcrypto"), _connect)

if __name__ == "__main__":
    drive(PEER)
