"""Keeps the picture that is to be the thumbnail of all posts."""

from dataclasses import dataclass, field

from medusa.storage.store import Store


@dataclass(frozen=True, slots=True)
class Thumb:
    """A JPEG that Telegram takes as a thumbnail, and the Unix time at which it was set."""

    picture: bytes = field(repr=False)
    at: float


class ThumbTable:
    """The one picture, if there is any."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self) -> Thumb | None:
        """What is kept."""
        row = await self._store.read_one("SELECT picture, at FROM thumb")
        return Thumb(*row) if row else None

    async def picture(self) -> bytes | None:
        """The picture alone."""
        kept = await self.get()
        return kept.picture if kept else None

    async def put(self, thumb: Thumb) -> None:
        """Keep one, in place of a former one."""
        async with self._store.write() as db:
            await db.run("INSERT OR REPLACE INTO thumb (one, picture, at) VALUES (1, ?, ?)", (thumb.picture, thumb.at))

    async def forget(self) -> bool:
        """Drop it; whether there was one."""
        async with self._store.write() as db:
            return bool(await db.run("DELETE FROM thumb RETURNING one"))
