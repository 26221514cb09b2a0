"""Flips bits in a backup of a small state."""

import asyncio
import io
import tempfile
from pathlib import Path

from medusa.backups.copies import write_copy
from medusa.backups.sealed import unseal
from medusa.errors import UserError
from medusa.storage import open_store
from medusa.storage.backups import BackupTable
from tests.flips.kit import Result, flip_all
from tests.integration.storage_kit import add


async def a_backup(folder: Path, jobs: int) -> tuple[bytes, bytes]:
    """The bytes of a backup of a state with some jobs, and the key that opens it."""
    async with open_store(folder) as store:
        await add(store, 1, jobs)
        table, out = BackupTable(store), folder / "copy"
        key, who = (await table.key()).key, await table.instance()
        await store.aside(lambda connection: write_copy(connection, out, key, who, 7, now=1e9))
    return out.read_bytes(), key


def flipped(whole: bytes, key: bytes, flips: int, seed: int) -> Result:
    """Flip bits in a backup, and see whether it still opens."""

    def noticed(torn: bytes) -> bool:
        try:
            for _ in unseal(key, io.BytesIO(torn)):
                pass
        except UserError:
            return True
        return False

    return flip_all(whole, flips, seed, noticed)


def run(flips: int, seed: int) -> Result:
    """Flip bits in a backup that has several frames."""
    with tempfile.TemporaryDirectory() as folder:
        whole, key = asyncio.run(a_backup(Path(folder), 5000))
    return flipped(whole, key, flips, seed)
