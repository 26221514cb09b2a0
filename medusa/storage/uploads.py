"""Keeps what an upload needs to go on after a restart."""

from dataclasses import astuple, dataclass

from medusa.storage.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class Upload:
    """One file on its way: sizes are bytes, ``file_id`` is signed 64 bits.

    ``version`` proves that the bytes to be uploaded still are the same.
    """

    job_id: int
    seq: int
    file_id: int
    part_size: int
    size: int
    version: str = ""


class Uploads:
    """The uploads that are under way, by job and by place among the job's files."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, job_id: int, seq: int) -> Upload | None:
        """The upload as it was last put, or None."""
        sql = "SELECT job_id, seq, file_id, part_size, size, version FROM uploads WHERE job_id = ? AND seq = ?"
        row = await self._store.read_one(sql, (job_id, seq))
        return Upload(*row) if row else None

    async def keep(self, upload: Upload) -> None:
        """Commit an upload; see ``put``."""
        async with self._store.write() as db:
            await put(db, upload)

    async def forget(self, job_id: int) -> None:
        """Drop all uploads of the job."""
        async with self._store.write() as db:
            await db.run("DELETE FROM uploads WHERE job_id = ?", (job_id,))


async def put(db: Transaction, upload: Upload) -> None:
    """Write the upload in place of what was noted before, within a transaction. The job must exist."""
    sql = (
        "INSERT INTO uploads (job_id, seq, file_id, part_size, size, version) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (job_id, seq) DO UPDATE SET file_id = excluded.file_id, part_size = excluded.part_size, "
        "size = excluded.size, version = excluded.version"
    )
    await db.run(sql, astuple(upload))
