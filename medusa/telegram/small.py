"""Puts small texts into chats as files, and small pictures as photos."""

from collections.abc import AsyncGenerator
from pathlib import Path

from medusa.errors import UserError
from medusa.model import LocalFile
from medusa.telegram.messages import Document, Item, Manner, Messenger, new_random_id, random_id_for
from medusa.telegram.parts import Ledger
from medusa.telegram.transfer import Uploader, new_ledger


class SmallFiles:
    """Uploads what Medusa itself has to say as a file; it never touches the disk."""

    def __init__(self, messenger: Messenger, uploader: Uploader) -> None:
        self._messenger = messenger
        self._uploader = uploader

    async def stored(self, chat_id: int, name: str, text: str) -> Document:
        """A document that holds the text and can be posted in the chat. Raises MedusaError."""
        file = LocalFile(Path(name), name, "text/plain")
        return await self._stored(chat_id, file, text.encode())

    async def illustrate(self, chat_id: int, message_id: int, picture: bytes, text: str) -> None:
        """Turn a message into a photo, a JPEG, with a text below it; where that can't be, reply to it with the photo.

        A text is cut where there is no room for all of it. Raises MedusaError.
        """
        name = "picture.jpg"
        file = LocalFile(Path(name), name, "image/jpeg", photo=True)
        document = await self._stored(chat_id, file, picture)
        try:
            await self._messenger.fill(chat_id, message_id, Item(document, text, 0), Manner())
        except UserError as error:
            if error.fatal:
                raise
            number = random_id_for(f"picture {chat_id} {message_id}")
            await self._messenger.post(chat_id, Item(document, "", number), Manner(message_id, silent=True))

    async def _stored(self, chat_id: int, file: LocalFile, data: bytes) -> Document:
        async def read(offset: int) -> AsyncGenerator[bytes, None]:
            yield data[offset:]

        ledger = Ledger(new_random_id(), len(data))
        sent = await self._uploader.upload_stream(read, file.name, ledger, lambda _: None)
        return await self._messenger.store(chat_id, sent, file, thumb=None, as_document=not file.photo)

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
