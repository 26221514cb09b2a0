"""What the tests of transfers share: an account of the embedded Telegram, and a look at what may leak."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from telethon.tl import functions, types

from medusa.loopback import Loopback, StoredFile, serve
from medusa.model import Progress
from medusa.telegram.client import Account, Limits, Received
from medusa.telegram.lanes import Lanes
from medusa.telegram.messages import new_random_id
from medusa.telegram.pace import Ceiling
from medusa.telegram.parts import PART_SIZE, Ledger
from medusa.telegram.transfer import Open
from tests.integration.loopback_clients import logged_in, until

MOST = Ceiling(lanes=3, each=2, start=3)
BOUNDARIES = [1, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 20 * PART_SIZE - 1, 20 * PART_SIZE, 20 * PART_SIZE + 1]
"""File sizes next to part boundaries and to the 10 MB from which on a file is big."""


@asynccontextmanager
async def telegram() -> AsyncIterator[tuple[Loopback, Account]]:
    """An embedded Telegram and its owner's account, connected."""
    async with serve() as loopback, logged_in(loopback) as client:
        me = await client.get_me()
        yield loopback, Account(client, Received(), me.id, "Owner", False, Limits())


@asynccontextmanager
async def lanes_to(account: Account, **options: Any) -> AsyncIterator[Lanes]:
    """Lanes that leave neither a task nor a socket behind."""
    tasks, sockets = asyncio.all_tasks(), open_files()
    async with Lanes(account, most=MOST, **options) as lanes:
        yield lanes
        assert lanes._busy == 0
        assert not lanes._line
        assert set(lanes._load.values()) <= {0}
    assert {task for task in asyncio.all_tasks() - tasks if "medusa/telegram" in repr(task)} == set()
    await until(lambda: open_files() <= sockets)


def open_files() -> set[str]:
    """This process's sockets and open files; the server's ends close a moment after the client's."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:") or target.endswith(".bin"):
            found.add(target)
    return found


async def stored(account: Account, loopback: Loopback, uploaded: Any) -> StoredFile:
    """Have the server put an upload together."""
    attributes = [types.DocumentAttributeFilename(uploaded.name)]
    media = types.InputMediaUploadedDocument(uploaded, "application/octet-stream", attributes, force_file=True)
    await account.client(functions.messages.UploadMediaRequest(types.InputPeerSelf(), media))
    return loopback.files()[-1]


def silent(_: Progress) -> None:
    """A report that nobody reads."""


def served(data: bytes, size: int = 100_001) -> Open:
    """``data`` from any offset on, in pieces that fit no part."""

    async def at(offset: int) -> AsyncGenerator[bytes, None]:
        for start in range(offset, len(data), size):
            await asyncio.sleep(0)
            yield data[start : start + size]

    return at


def fresh(size: int | None) -> Ledger:
    """A ledger for an upload from its first part on."""
    return Ledger(new_random_id(), size)
