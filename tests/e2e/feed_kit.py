"""A web site with a feed that grows, for lists that are fetched and watched."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from medusa.config import Config
from medusa.demo.stage import Stage, open_stage
from medusa.telegram.phone import Message
from tests.integration.source_kit import Server, serving


@dataclass
class Feed:
    """Its items as their names, the newest first as feeds have them; ``further`` goes into an item by its name."""

    items: list[str] = field(default_factory=list)
    further: dict[str, str] = field(default_factory=dict)
    trouble: int = 0
    """The status with which the feed is refused, 0 for none."""
    server: Server = field(init=False)
    asked: int = 0
    held: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared, the feed keeps who asks for it waiting."""

    def __post_init__(self) -> None:
        self.held.set()

    @property
    def link(self) -> str:
        return self.server.url("/feed.xml")

    @property
    def allow(self) -> list[str]:
        return [f"127.0.0.1:{self.server.port}"]

    def xml(self) -> str:
        parts = "".join(
            f"<item><title>{escape(name)}</title><guid>{escape(name)}</guid>"
            f'<enclosure url="{escape(self.server.url(f"/{quote(name)}.bin?token={self.asked}"))}"/>'
            f"{self.further.get(name, '')}</item>"
            for name in self.items
        )
        dtd = "http://www.itunes.com/dtds/podcast-1.0.dtd"
        return f'<rss version="2.0" xmlns:itunes="{dtd}"><channel><title>The show</title>{parts}</channel></rss>'

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/feed.xml":
            self.asked += 1
            await self.held.wait()
            if self.trouble:
                return web.Response(status=self.trouble)
            return web.Response(text=self.xml(), content_type="application/rss+xml")
        if request.path == "/list.txt":
            return web.Response(text="".join(f"{name}:{self.server.url(f'/{name}.bin')}\n" for name in self.items))
        if request.path.startswith("/dead"):
            return web.Response(status=404)
        # Different bytes, so that each is a file of its own.
        return web.Response(body=request.path.encode() * 300, content_type="application/octet-stream")


@asynccontextmanager
async def feeding(*items: str) -> AsyncIterator[Feed]:
    feed = Feed(list(items))
    async with serving(feed.answer) as feed.server:
        yield feed


@asynccontextmanager
async def on_stage(config: Config, tmp_path: Path, samples_folder: Path, feed: Feed) -> AsyncIterator[Stage]:
    """Medusa, allowed to reach the feed; opened again, it goes on with what it has."""
    async with open_stage(config, tmp_path / "stage", samples_folder, feed.allow) as stage:
        yield stage


async def posts(stage: Stage, chat: int = 0) -> list[Message]:
    """What was posted, the oldest first."""
    return [one for one in await stage.owner.history(chat) if one.file]


async def captions(stage: Stage, chat: int = 0) -> list[str]:
    return [one.text for one in await posts(stage, chat)]
