"""The disk with state and work is full at any write; then there is room again. It is a small one of its own."""

import asyncio
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from medusa.storage import open_store
from tests.crash.campaign import Campaign
from tests.crash.feed import Feed
from tests.crash.outside import World
from tests.crash.processes import Medusa
from tests.crash.verdict import Verdict

_SIZE = "192m"
_BLOCK = 4096
_PAUSE = 0.5
_LONGEST = 1.0
"""Seconds at most with room, and without."""
_MOST_BLOCKS = 400
_RUN = 5
"""Times after which Medusa is killed, and what the jobs wait for has come: a minute for each would be long."""
_BALLAST = "full"


class NoDisk(Exception):
    """Here no disk can be mounted."""


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk in memory, mounted at ``folder`` for as long as the block runs. Raises NoDisk."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=0700", "crash", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NoDisk(f"a small disk cannot be mounted: {error}") from error
    if done.returncode != 0:
        raise NoDisk(f"a small disk cannot be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 -- wherever it lies


async def full(campaign: Campaign, times: int, tell: Callable[[str], None]) -> Verdict:
    """Fill the disk so many times but for a few blocks, and judge what came of it."""
    die, world = random.Random(campaign.seed), campaign.world

    async def suffer(feed: Feed) -> Medusa:
        medusa = await campaign.start()
        for done in range(times):
            await asyncio.sleep(die.uniform(0, _PAUSE))
            campaign.record.blows[await _once(world.folder, die, done)] += 1
            if done % _RUN == _RUN - 1:
                await campaign.kill(medusa)
                await _let_time_pass(world)
                medusa = await campaign.start()
            if done % 50 == 0:
                tell(f"{done} times full, {len(feed.wishes)} commands")
        return medusa

    return await campaign.run(suffer)


async def _once(folder: Path, die: random.Random, number: int) -> str:
    """Fill the disk for a while; returns how far."""
    blocks = die.choice([number % 16, int(_MOST_BLOCKS ** die.random())])
    _fill(folder, blocks)
    await asyncio.sleep(die.uniform(0, _LONGEST))
    (folder / _BALLAST).unlink()
    most = (1 << blocks.bit_length()) - 1
    return f"at most {most:3} blocks left"


def _fill(folder: Path, blocks: int) -> None:
    """Leave so many blocks of 4 KiB free."""
    with (folder / _BALLAST).open("wb") as file:
        while True:
            left = os.statvfs(folder)
            with suppress(OSError):  # Medusa was faster
                os.posix_fallocate(file.fileno(), 0, max(1, (left.f_bavail - blocks) * left.f_frsize))
                return


async def _let_time_pass(world: World) -> None:
    """Let the moment come that the jobs wait for."""
    async with open_store(world.state) as store, store.write() as db:
        await db.run("UPDATE jobs SET not_before = 1 WHERE state = 'waiting'")
