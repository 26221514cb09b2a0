"""Writes down what stands in the chats: one JSON object per message, with the posted files measured and saved."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from medusa.names import safe_file_name
from medusa.telegram.phone import Chat, File, Message, Phone

MOST = 1000
"""Messages of one chat that are written down, the latest ones."""


async def transcript(phone: Phone, save: Path | None) -> AsyncIterator[dict[str, Any]]:
    """All messages that ``phone`` sees, by chat and id; posted files are saved into the folder ``save``."""
    for chat in await phone.chats():
        for message in await phone.history(chat.id, MOST):
            yield await _entry(phone, chat, message, save)


async def _entry(phone: Phone, chat: Chat, message: Message, save: Path | None) -> dict[str, Any]:
    return {
        "chat": "me" if chat.kind == "saved" else chat.title,
        "id": message.id,
        "text": message.text,
        "reply_to": message.reply_to,
        "edited": message.edited is not None,
        "file": await _file(phone, message, message.file, save) if message.file else None,
    }


async def _file(phone: Phone, message: Message, file: File, save: Path | None) -> dict[str, Any]:
    target = await asyncio.to_thread(_target, save, file.name, message.id) if save else None
    facts = {
        "name": file.name,
        "size": file.size,
        "sha256": await _fetch(phone, message, target),
        "mime": file.mime,
        "duration": file.duration,
        "width": file.width,
        "height": file.height,
        "streamable": file.streamable,
        "thumb": file.thumb,
    }
    if target:
        facts["saved"] = str(target)
        if thumb := await phone.thumb(message.chat_id, message.id):
            await asyncio.to_thread(target.with_name(target.name + ".thumb.jpg").write_bytes, thumb)
    return facts


def _target(folder: Path, name: str, message_id: int) -> Path:
    """Where a file is saved: under its own name, or, when that is taken, with the message id in front."""
    folder.mkdir(parents=True, exist_ok=True)
    safe = safe_file_name(name)
    path = folder / safe
    return folder / safe_file_name(f"{message_id}-{safe}") if path.exists() else path


async def _fetch(phone: Phone, message: Message, target: Path | None) -> str:
    """Read a posted file through Telegram, into ``target`` if there is one; returns its SHA-256 in hex."""
    digest = hashlib.sha256()
    out = target.open("wb") if target else None
    try:
        async with aclosing(phone.download(message.chat_id, message.id)) as chunks:
            async for chunk in chunks:
                digest.update(chunk)
                if out:
                    out.write(chunk)
    finally:
        if out:
            out.close()
    return digest.hexdigest()
