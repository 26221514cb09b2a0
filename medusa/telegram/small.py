"""Puts small texts into chats as files."""

from collections.abc import AsyncGenerator
from pathlib import Path

from medusa.model import LocalFile
from medusa.telegram.messages import Document, Item, Manner, Messenger, new_random_id
from medusa.telegram.parts import Ledger
from medusa.telegram.transfer import Uploader, new_ledger


class SmallFiles:
    """Uploads what Medusa itself has to say as a file; it never touches the disk."""

    def __init__(self, messenger: Messenger, uploader: Uploader) -> None:
        self._messenger = messenger
        self._uploader = uploader

    async def stored(self, chat_id: int, name: str, text: str) -> Document:
        """A document that holds the text and can be posted in the chat. Raises MedusaError."""
        data = text.encode()

        async def read(offset: int) -> AsyncGenerator[bytes, None]:
            yield data[offset:]

        sent = await self._uploader.upload_stream(read, name, Ledger(new_random_id(), len(data)), lambda _: None)
        file = LocalFile(Path(name), name, "text/plain")
        return await self._messenger.store(chat_id, sent, file, thumb=None, as_document=True)

    async def send(self, chat_id: int, reply_to: int, name: str, text: str, random_id: int) -> int:
        """Post a text as a file in reply to a message; the same random id makes one post. Raises MedusaError."""
        item = Item(await self.stored(chat_id, name, text), "", random_id)
        return await self._messenger.post(chat_id, item, Manner(reply_to, silent=True))

    async def send_path(self, chat_id: int, reply_to: int | None, path: Path, name: str, random_id: int) -> int:
        """Post a file of the disk, perhaps in reply to a message; the same random id makes one post.

        Raises MedusaError.
        """
        sent = await self._uploader.upload(path, name, new_ledger(path), lambda _: None)
        file = LocalFile(path, name, "application/jsonl")
        document = await self._messenger.store(chat_id, sent, file, thumb=None, as_document=True)
        return await self._messenger.post(chat_id, Item(document, "", random_id), Manner(reply_to, silent=True))
