"""Removes what is older than the owner wants it kept, a few rows at a time."""

from collections.abc import Mapping
from dataclasses import dataclass

from medusa.storage.answers import KEPT_FOR as ANSWERS_KEPT_FOR
from medusa.storage.audit import Audit
from medusa.storage.menus import KEPT_FOR as MENUS_KEPT_FOR
from medusa.storage.store import Store

ROWS = 100
"""Rows that one transaction removes at most, so that nobody waits long for it."""
DAY = 86400.0
HANDLED_FOR = 90 * DAY
"""Seconds; Telegram hands out no updates that are older."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of what grows old: its name, its table, and which rows are older than ``:before`` (Unix seconds).

    ``fixed`` is for how many seconds it is kept where the owner has no say.
    """

    name: str
    table: str
    old: str
    fixed: float | None = None

    @property
    def key(self) -> str:
        """What tells the table's rows apart."""
        return _KEYS.get(self.table, "id")


_KEYS = {
    "answers": "key",
    "handled": "chat_id, message_id",
    "menus": "chat_id, message_id",
    "traffic": "day",
}
_ENDED = "state IN ('done', 'failed', 'cancelled') AND ended < :before"
_TIED = "SELECT job_id FROM batch_items WHERE job_id IS NOT NULL"

KINDS = (
    Kind("history", "watch_runs", "at < :before"),
    Kind(
        "history",
        "batches",
        "state IN ('done', 'cancelled') AND ended < :before "
        "AND id NOT IN (SELECT batch_id FROM watch_runs WHERE batch_id IS NOT NULL)",
    ),
    # What is listed by a batch that is kept stays with it; what is told of a job's end is told before it goes.
    Kind("history", "jobs", f"{_ENDED} AND told = 1 AND id NOT IN ({_TIED})"),
    Kind("library", "library", "at < :before"),
    Kind("traffic", "traffic", "day < date(:before, 'unixepoch')"),
    Kind("events", "handled", "at < :before", HANDLED_FOR),
    Kind("cache", "answers", "at < :before", ANSWERS_KEPT_FOR),
    Kind("cache", "menus", "at < :before", MENUS_KEPT_FOR),
)
"""In the order in which they go: what refers to others first."""


class Old:
    """What has grown old. ``keep`` says for each kind's name for how many seconds it is kept, None for ever."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def count(self, keep: Mapping[str, float | None], now: float) -> dict[str, int]:
        """How many rows of each table would go."""
        found = {}
        for kind in KINDS:
            before = _before(kind, keep, now)
            if before is not None:
                sql = f"SELECT count(*) FROM {kind.table} WHERE {_old(kind)}"  # noqa: S608 (constants only)
                [(found[kind.table],)] = await self._store.read(sql, (before,))
        if keep["audit"] is not None:
            [(found["audit"],)] = await self._store.read(
                "SELECT count(*) FROM audit WHERE at < ?", (now - keep["audit"],)
            )
        return {table: count for table, count in found.items() if count}

    async def remove_some(self, keep: Mapping[str, float | None], now: float) -> dict[str, int]:
        """Remove a few rows in one transaction; empty when nothing old is left."""
        for kind in KINDS:
            before = _before(kind, keep, now)
            if before is None:
                continue
            some = f"SELECT {kind.key} FROM {kind.table} WHERE {_old(kind)} LIMIT {ROWS}"  # noqa: S608
            if not await self._store.read(f"{some[: some.rindex(' ')]} 1", (before,)):
                continue
            async with self._store.write() as db:
                gone = await db.run(
                    f"DELETE FROM {kind.table} WHERE ({kind.key}) IN ({some}) RETURNING 1",  # noqa: S608
                    (before,),
                )
            return {kind.table: len(gone)}
        gone_entries = await Audit(self._store).drop(now - keep["audit"]) if keep["audit"] is not None else 0
        return {"audit": gone_entries} if gone_entries else {}

    async def sizes(self) -> tuple[int, int]:
        """Bytes of the state file, and how many of them hold nothing."""
        [(pages, free, size)] = await self._store.read(
            "SELECT page_count, freelist_count, page_size "
            "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        )
        return int(pages) * int(size), int(free) * int(size)  # SQLCipher gives the size of pages as a text


def _before(kind: Kind, keep: Mapping[str, float | None], now: float) -> float | None:
    seconds = kind.fixed if kind.fixed is not None else keep[kind.name]
    return None if seconds is None else now - seconds


def _old(kind: Kind) -> str:
    return kind.old.replace(":before", "?1")
