"""The world outside Medusa, which goes on while Medusa dies and is started again."""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medusa import loopback
from medusa.demo.samples import Samples
from medusa.loopback import Loopback, Network
from medusa.telegram.phone import Server, open_phone, session_string
from tests.crash.media import Media, serve_media
from tests.crash.processes import ROOT, Medusa, Zygote, zygote

_SLOTS = "fetch=3,process=1,upload=3"
_CALL_WITHIN = 10.0
"""Seconds that Telegram gets to answer, in place of minutes."""
SAVED = 0
"""Stands for Saved Messages."""


@dataclass(slots=True)
class World:
    """Telegram with a channel of the owner's, and a media server; Medusas come from ``zygote``."""

    telegram: Loopback
    media: Media
    channel: int
    server: Server
    session: str
    folder: Path
    zygote: Zygote
    written: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """The messages that the owner wrote, by chat."""

    @property
    def state(self) -> Path:
        """Where Medusa keeps its state."""
        return self.folder / "sessions"

    @property
    def work(self) -> Path:
        """Where Medusa's jobs work."""
        return self.folder / "work"

    async def start(self, *arguments: str, **more: str) -> Medusa:
        """Fork a Medusa, with ``more`` in its environment."""
        return await self.zygote.start({**self._environment(), **more}, *arguments, call_within=_CALL_WITHIN)

    @property
    def owner(self) -> int:
        """The owner's id, which is that of Saved Messages, too."""
        return self.telegram.owner.user_id

    def write(self, chat: int, text: str) -> int:
        """Send a message as the owner; returns its number."""
        message_id = self.telegram.say(text, peer=chat or None)
        self.written[chat].add(message_id)
        return message_id

    async def hand(self, chat: int, text: str, lines: str) -> int:
        """Send a file of lines as the owner, with a text as its caption; returns the message's number."""
        file = self.folder / "lines.txt"
        await asyncio.to_thread(file.write_text, lines)
        async with open_phone(self.server, self.telegram.owner.phone, self.telegram.owner.code) as phone:
            await phone.chats()  # by which it learns how the channel is to be called
            message_id = await phone.send(chat or self.owner, text, file)
        self.written[chat].add(message_id)
        return message_id

    def text(self, chat: int, message_id: int) -> str | None:
        """What a message reads now, None when it is gone."""
        return self.telegram.text(message_id, chat or None)

    def messages(self, chat: int) -> list[Any]:
        """All messages of a chat, the oldest first."""
        return self.telegram.messages(chat or None)

    def _environment(self) -> Mapping[str, str]:
        telegram = self.telegram
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "API_ID": "1",
            "API_HASH": "0" * 32,
            "SESSION_STRING": self.session,
            "MEDUSA_TELEGRAM_DC": f"{telegram.dc_id},{telegram.host},{telegram.port}",
            "MEDUSA_TELEGRAM_KEY": str(telegram.key_file),
            "MEDUSA_DATA": str(self.state),
            "MEDUSA_WORK": str(self.work),
            "MEDUSA_ALLOW": self.media.address,
            "MEDUSA_SLOTS": _SLOTS,
        }


@asynccontextmanager
async def outside(samples: Samples, folder: Path) -> AsyncIterator[World]:
    """Everything but Medusa, with its state and work in ``folder``, for as long as the block runs."""
    async with AsyncExitStack() as stack:
        # What is checked elsewhere is not checked here again: it would take half of the machine.
        telegram = await stack.enter_async_context(loopback.serve(network=Network(checked=False)))
        media = await stack.enter_async_context(serve_media(samples))
        server = Server(telegram.host, telegram.port, telegram.dc_id, telegram.key_file)
        owner = telegram.owner
        session = await session_string(server, owner.phone, owner.code)
        forks = await stack.enter_async_context(zygote())
        yield World(telegram, media, telegram.channel("Films"), server, session, folder, forks)
