"""Looks at links for commands: a few at once, each in a folder of its own that does not stay."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from medusa import sources
from medusa.errors import Transient, UserError
from medusa.model import Order
from medusa.sources import ranged, secret
from medusa.sources.described import Description
from medusa.sources.inspecting import Inspected, inspect
from medusa.steps.thumb import thumbnail_of
from medusa.tools import Tools

T = TypeVar("T")

_AT_ONCE = 2
_SECONDS = 600.0
"""Seconds that one look may take, its wait for others that look at pages included."""


async def clear(root: Path) -> None:
    """Remove what looks of a predecessor that was killed have left, cookies among it."""
    await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)


class Looks:
    """Looks at links in folders under ``root``, which is for this alone, with the ``tools`` for an order."""

    def __init__(self, tools: Callable[[Order], Tools], root: Path) -> None:
        self._tools = tools
        self._root = root
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def describe(self, order: Order, items: str = "") -> Description:
        """Say what the order's link is; of a playlist, the ``items`` such as ``1:20,25``. Raises MedusaError."""
        return await self._within(lambda folder: sources.describe(order, items, folder, self._tools(order)))

    async def inspect(self, order: Order) -> tuple[Inspected, ...]:
        """Look into the media that the order's link leads to. Raises MedusaError."""
        return await self._within(lambda folder: inspect(order, folder, self._tools(order)))

    async def thumbnail(self, picture: bytes) -> bytes:
        """A picture as a thumbnail. Raises MedusaError."""
        return await self._within(lambda folder: thumbnail_of(picture, self._tools(Order("")).ffmpeg, folder))

    async def _within(self, work: Callable[[Path], Awaitable[T]]) -> T:
        """Have something done in a folder that is gone afterwards."""
        async with self._places:
            folder = await asyncio.to_thread(self._folder)
            try:
                async with asyncio.timeout(_SECONDS):
                    return await work(folder)
            except TimeoutError:
                raise Transient("The site takes too long to answer; try again later.") from None
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def read(self, order: Order, most: int) -> bytes:
        """The file behind the order's link. Raises MedusaError, also when it has more than ``most`` bytes."""
        data, tools = bytearray(), self._tools(order)
        async with self._places, tools.web.get(order.url, await secret.headers_for(order.link, tools)) as answer:
            ranged.expect(answer, 200)
            async for chunk in answer.chunks():
                data += chunk
                if len(data) > most:
                    raise UserError(f"That file has more than {most // 2**20} MB; cut the list in several.")
        return bytes(data)

    def _folder(self) -> Path:
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Path(tempfile.mkdtemp(dir=self._root))
