"""Opens the encrypted state file: the one place that talks to SQLCipher."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import structlog
from aiosqlite import Connection
from sqlcipher3 import dbapi2 as sqlcipher

from medusa.errors import DiskFull, UserError
from medusa.observe.metrics import COMMITS
from medusa.patience import to_the_end
from medusa.storage.ballast import Ballast
from medusa.storage.connecting import PAGE, connector
from medusa.storage.errors import DAMAGED, translated, translated_files
from medusa.storage.folder import DATABASE, cut_short, has_database, make_database, make_private
from medusa.storage.keyring import Rotation, announce, settle
from medusa.storage.keys import Unlocked, unlock
from medusa.storage.lock import locked
from medusa.storage.migrate import Migration, migrate, migrations, refuse_newer
from medusa.storage.replacing import complete
from medusa.storage.rewriting import DRAFT, clear, draft, put_in_place

log = structlog.get_logger()

Row = tuple[Any, ...]
T = TypeVar("T")

_PAGES = (PAGE, 4096)
"""Bytes of a page, which is what is written anew when a row changes: in new databases, and in those made before."""
_SETTINGS = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA cache_size = -1024",  # KiB
    "PRAGMA temp_store = MEMORY",
    # Every commit reaches the disk. With the write-ahead log that is one fsync, measured 0.2 ms against 0.06 ms with
    # NORMAL; commits are few, so one durability for all is simpler than two.
    "PRAGMA synchronous = FULL",
    "PRAGMA journal_mode = WAL",
    "PRAGMA journal_size_limit = 1048576",  # bytes
)
_AT_ONCE = 0.1
"""Seconds after which a commit may be tried again that the ballast has made room for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a state lies: its folder, its data key and the bytes of its pages."""

    folder: Path
    data_key: bytes = field(repr=False)
    page: int

    def connector(self, mode: str = "rw") -> Callable[[], Any]:
        """How to connect to it."""
        return connector(self.folder / DATABASE, self.data_key, self.page, mode)


class Transaction:
    """What a block of ``Store.write`` may do: it sees its own changes, nobody else does until the block ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def run(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows, which only SELECT and RETURNING have."""
        return await _rows(self._connection, sql, params)

    async def many(self, sql: str, params: Iterable[Sequence[Any]]) -> None:
        """Run one statement once for each set of parameters."""
        async with self._connection.executemany(sql, params):
            pass


class Store:
    """The open state file. Reads and transactions take turns, so that nobody sees what is not committed.

    ``commits`` counts the transactions that were committed, ``version`` is the number of the schema, ``created`` says
    that the state was made just now and ``slot`` names the kind of key slot that opened it.
    """

    def __init__(
        self, connection: Connection, place: "Place", ballast: Ballast, *, version: int, created: bool, slot: str
    ) -> None:
        self.commits = 0
        self.version = version
        self.created = created
        self.slot = slot
        self._connection = connection
        self._place = place
        self._ballast = ballast
        self._aside = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._writer: asyncio.Task[Any] | None = None

    async def probe(self) -> None:
        """See whether the state can be written, without writing. Raises MedusaError."""
        async with self._turn:
            with translated():
                try:
                    await self._connection.execute_fetchall("BEGIN IMMEDIATE")
                finally:
                    await to_the_end(self._connection.rollback())

    async def read(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Return the rows of one SELECT. Raises MedusaError."""
        self._refuse_nesting()
        async with self._turn:
            with translated():
                return await _rows(self._connection, sql, params)

    async def read_one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """Return the first row of one SELECT, or None when there is none. Raises MedusaError."""
        rows = await self.read(sql, params)
        return rows[0] if rows else None

    @property
    def place(self) -> "Place":
        """Where the state lies, and what opens it."""
        return self._place

    async def aside(self, work: Callable[[Any], T]) -> T:
        """What ``work`` makes, in a thread of its own, of a further connection, which sees the state of one moment.

        It can only read, and neither it nor the store's own transactions wait for each other, however long it takes.
        A cancel waits for its end. Raises MedusaError.
        """
        async with self._aside:
            with translated():
                return await to_the_end(asyncio.to_thread(_within, self._place.connector("ro"), work))

    async def rewrite(self, rotation: Rotation | None = None) -> None:
        """Write the whole file anew: without what was deleted, as small as can be, and under a new key if one is given.

        Everybody else waits, some 0.1 s for each MiB; what is in the new file is proven before the old one goes. Killed
        at any time, either of them is whole, and its key opens it. Raises MedusaError, and then nothing has changed.
        """
        self._refuse_nesting()
        async with self._aside, self._turn:
            with translated(), translated_files(self._place.folder):
                await to_the_end(self._rewritten(rotation))

    async def _rewritten(self, rotation: Rotation | None) -> None:
        folder, old = self._place.folder, self._place
        new = Place(folder, rotation.data_key if rotation else old.data_key, old.page)
        await self._connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        await asyncio.to_thread(self._drafted, new)
        await self._connection.close()
        try:
            if rotation is not None:
                await asyncio.to_thread(announce, folder, rotation)
            await asyncio.to_thread(put_in_place, folder)
            self._place = new
            if rotation is not None:
                await asyncio.to_thread(settle, folder, rotated=True)
        finally:
            self._connection = Connection(self._place.connector(), iter_chunk_size=64)
            await _prepare(self._connection)

    def _drafted(self, new: "Place") -> None:
        try:
            with self._relieved(), translated():
                draft(self._place.connector(), new.folder, new.data_key, new.page)
        except BaseException:
            clear(new.folder)
            raise

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """One transaction: committed when the block ends, rolled back when an error or a cancel leaves it.

        A cancel that comes during the commit waits for its end. Raises MedusaError: Transient when the disk is full.
        """
        self._refuse_nesting()
        async with self._turn:
            self._writer = asyncio.current_task()
            try:
                self._ballast.trim()
                with self._relieved(), translated():
                    async with self._transaction() as transaction:
                        yield transaction
            finally:
                self._writer = None

    @contextmanager
    def _relieved(self) -> Iterator[None]:
        """Give up the ballast when the disk is full all the same, and have the caller try again at once."""
        try:
            yield
        except DiskFull as error:
            if self._ballast.drop():
                raise DiskFull(error.user_text, after=_AT_ONCE) from error
            raise

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Transaction]:
        try:
            await self._connection.execute_fetchall("BEGIN IMMEDIATE")
            yield Transaction(self._connection)
            await to_the_end(self._commit())
        except BaseException:
            # Also after a cancelled BEGIN or COMMIT: the worker thread runs what it was given, in order, and rolling
            # back is nothing where no transaction is open.
            await to_the_end(self._connection.rollback())
            raise

    async def _commit(self) -> None:
        await self._connection.commit()
        self.commits += 1
        COMMITS.inc()

    async def close(self) -> None:
        """Close the file, which folds the write-ahead log into it."""
        await self._connection.close()

    def _refuse_nesting(self) -> None:
        if self._writer is not None and self._writer is asyncio.current_task():
            raise RuntimeError("inside a block of Store.write use the transaction: the store would wait for itself")


def _within(connect: Callable[[], Any], work: Callable[[Any], T]) -> T:
    """Do ``work`` within one transaction that sees a consistent state."""
    connection = connect()
    try:
        connection.execute("PRAGMA cache_size = -512")  # KiB
        connection.execute("BEGIN")
        return work(connection)
    finally:
        connection.close()


async def _rows(connection: Connection, sql: str, params: Sequence[Any] = ()) -> list[Row]:
    """Run one statement in one visit to the worker thread; aiosqlite's types know only the standard library's rows."""
    return cast(list[Row], await connection.execute_fetchall(sql, params))


@asynccontextmanager
async def open_store(
    folder: Path, *, key_file: Path | None = None, passphrase: str | None = None
) -> AsyncIterator[Store]:
    """The state in ``folder`` for as long as the block runs, made at the first start; one process at a time.

    All pages are verified first, which takes about 8 ms for each MiB. Raises UserError for a second process, a wrong
    or missing key, damage, or a state of a newer Medusa, and changes nothing then; Transient when the disk is full.
    """
    # aiosqlite logs each statement with its parameters, and those hold the authorization key.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)
    with translated_files(folder):
        make_private(folder)
    ballast = Ballast(folder)
    ballast.relieve()
    with locked(folder):
        complete(folder)
        steps = migrations()
        unlocked, page = await to_the_end(asyncio.to_thread(_unlock, folder, key_file, passphrase, len(steps)))
        if unlocked.slot == "keyfile" and passphrase is not None:
            log.warning("storage.passphrase_not_used", opened_by=unlocked.slot)
        place = Place(folder, unlocked.data_key, page)
        store: Store | None = None
        connection = Connection(place.connector(), iter_chunk_size=64)
        try:
            with translated():
                await to_the_end(_start(connection, steps))
            await asyncio.to_thread(ballast.trim)
            store = Store(connection, place, ballast, version=len(steps), created=unlocked.created, slot=unlocked.slot)
            yield store
        finally:
            await to_the_end(store.close() if store else connection.close())


async def _prepare(connection: Connection) -> None:
    await connection
    for setting in (*_SETTINGS, "PRAGMA foreign_keys = ON"):
        await connection.execute_fetchall(setting)


async def _start(connection: Connection, steps: list[Migration]) -> None:
    await connection
    for setting in _SETTINGS:
        await connection.execute_fetchall(setting)
    # The log first: after a power cut it may hold the sound copy of a page that is torn in the file.
    await connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
    if await _rows(connection, "PRAGMA cipher_integrity_check"):
        raise UserError(DAMAGED)
    await migrate(connection, steps)
    await connection.execute_fetchall("PRAGMA foreign_keys = ON")


def _unlock(folder: Path, key_file: Path | None, passphrase: str | None, known: int) -> tuple[Unlocked, int]:
    """Do as ``_proven`` does, and end a rotation of the key or a rewriting that was cut short."""
    unlocked, page = _proven(folder, key_file, passphrase, known)
    with translated_files(folder):
        if (folder / DRAFT).exists():
            clear(folder)
        if not unlocked.created:
            settle(folder, rotated=unlocked.data_key == unlocked.next_key)
    return unlocked, page


def _proven(folder: Path, key_file: Path | None, passphrase: str | None, known: int) -> tuple[Unlocked, int]:
    """Find the data key and prove, without writing a byte, that it opens a database that this Medusa knows.

    Returns the size of the database's pages, too. Closing a normal connection folds the write-ahead log into the file,
    even when the key was wrong; a connection that only reads leaves both as they are.
    """
    unlocked = unlock(folder, key_file=key_file, passphrase=passphrase)
    with translated_files(folder):
        fresh = not has_database(folder) or cut_short(folder)
        path = make_database(folder)
    if fresh:
        return unlocked, _PAGES[0]
    if path.stat().st_size < min(_PAGES):
        raise UserError(DAMAGED)  # SQLite would take it for an empty database
    with translated():
        try:
            page, version = look(path, unlocked.data_key)
        except sqlcipher.DatabaseError:
            if unlocked.next_key is None:
                raise
            unlocked = replace(unlocked, data_key=unlocked.next_key)
            page, version = look(path, unlocked.data_key)
    refuse_newer(version, known)
    return unlocked, page


def look(path: Path, data_key: bytes) -> tuple[int, int]:
    """The database's page size, which is the one that decrypts it, and its version. Raises SQLCipher's error."""
    *likely, last = _PAGES
    for page in likely:
        try:
            return page, _version(connector(path, data_key, page, mode="ro"))
        except sqlcipher.DatabaseError as error:
            if error.sqlite_errorcode != sqlcipher.SQLITE_NOTADB:
                raise
    return last, _version(connector(path, data_key, last, mode="ro"))


def _version(connect: Callable[[], Any]) -> int:
    connection = connect()
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        [(version,)] = connection.execute("PRAGMA user_version").fetchall()
        return int(version)
    finally:
        connection.close()
