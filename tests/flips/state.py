"""A state, one bit of it flipped, and what opening it says."""

import random
from collections import Counter
from pathlib import Path

from medusa.errors import UserError
from medusa.model import Order
from medusa.storage import open_store
from medusa.storage.jobs import Jobs
from medusa.storage.keys import unlock

FILES = {"medusa.db": 12, "medusa.keys": 1}
"""The files in which bits are flipped, and how often one is chosen."""
SALT = 16
"""Bytes at the beginning of the database that a raw key needs only for its own check."""


async def make(folder: Path) -> None:
    """A state with some hundred jobs in it."""
    async with open_store(folder) as store:
        orders = [Order(f"https://example.org/{n}", caption="A caption") for n in range(200)]
        await Jobs(store).add(orders, 777, 1, 1.0)


async def opens(folder: Path) -> str:
    """What comes of opening it: "opened", or the words of the refusal."""
    try:
        async with open_store(folder) as store:
            await Jobs(store).recent(1000)
        return "opened"
    except UserError as error:
        return error.user_text.splitlines()[0][:60]


async def flip(folder: Path, count: int, seed: int) -> Counter[str]:
    """Flip ``count`` bits, each in an otherwise whole state, and count what came of it.

    "silent" counts the ones that were opened with other content, which must be none; "harmless" those where all that
    is stored was the same, such as a space between two names of the slots' file.
    """
    draw = random.Random(seed)
    whole = {name: (folder / name).read_bytes() for name in FILES}
    key = unlock(folder, key_file=None, passphrase=None).data_key
    said: Counter[str] = Counter()
    for _ in range(count):
        name = draw.choices(list(FILES), list(FILES.values()))[0]
        data = bytearray(whole[name])
        place = draw.randrange(len(data) * 8)
        data[place // 8] ^= 1 << place % 8
        (folder / name).write_bytes(data)
        outcome = await opens(folder)
        if outcome == "opened":
            same = name == "medusa.keys" and unlock(folder, key_file=None, passphrase=None).data_key == key
            outcome = "harmless" if same else "silent"
        said[outcome] += 1
        for each, content in whole.items():
            (folder / each).write_bytes(content)
        for ending in ("-wal", "-shm"):
            (folder / f"medusa.db{ending}").unlink(missing_ok=True)
    return said
