"""Keeps what sites have answered, which may hold signed addresses, for as long as that is of use."""

import asyncio
import time
import zlib
from collections.abc import Callable
from contextlib import suppress

from medusa.storage.store import Store

KEPT_FOR = 1800.0
"""Seconds."""
MOST = 100
"""Answers that are kept at most."""
MOST_BYTES = 1_000_000
"""Bytes of one answer, compressed; what is bigger is not kept."""
_LONGEST = 64_000_000
"""Bytes of one answer as it is used."""


class Answers:
    """The answers by key. They are thrown away when they are old, and the oldest when they are many."""

    def __init__(self, store: Store, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now

    async def get(self, key: str) -> bytes | None:
        """The answer, if it is not too old."""
        sql = "SELECT answer FROM answers WHERE key = ? AND at > ?"
        row = await self._store.read_one(sql, (key, self._now() - KEPT_FOR))
        if row is None:
            return None
        with suppress(zlib.error):
            return await asyncio.to_thread(lambda: zlib.decompressobj().decompress(row[0], _LONGEST))
        return None

    async def put(self, key: str, answer: bytes) -> None:
        """Keep an answer, in place of a former one; what is too big is not kept."""
        packed = await asyncio.to_thread(zlib.compress, answer)
        if len(packed) > MOST_BYTES or len(answer) > _LONGEST:
            return
        now = self._now()
        async with self._store.write() as db:
            await db.run("DELETE FROM answers WHERE at <= ? OR at > ? OR key = ?", (now - KEPT_FOR, now, key))
            await db.run(
                "DELETE FROM answers WHERE key NOT IN (SELECT key FROM answers ORDER BY at DESC LIMIT ?)", (MOST - 1,)
            )
            await db.run("INSERT INTO answers (key, answer, at) VALUES (?, ?, ?)", (key, packed, now))

    async def forget(self, key: str) -> None:
        """Drop an answer."""
        async with self._store.write() as db:
            await db.run("DELETE FROM answers WHERE key = ?", (key,))
