"""The server's memory: one SQLite database, in a file or in memory.

Every answered call is one transaction. SQLite hands it to the operating system before the answer leaves, so that a
killed process loses nothing; only a power cut could.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts(
  id INTEGER PRIMARY KEY, phone TEXT UNIQUE NOT NULL, name TEXT NOT NULL, username TEXT UNIQUE COLLATE NOCASE,
  code TEXT NOT NULL, hash INTEGER NOT NULL, salt1 BLOB, salt2 BLOB, verifier BLOB, hint TEXT);
CREATE TABLE IF NOT EXISTS keys(
  id INTEGER PRIMARY KEY, key BLOB NOT NULL, account INTEGER, awaiting INTEGER, error TEXT, expires INTEGER,
  permanent INTEGER, device TEXT NOT NULL DEFAULT '', created INTEGER NOT NULL,
  dc INTEGER NOT NULL DEFAULT 2);
CREATE TABLE IF NOT EXISTS channels(
  id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, title TEXT NOT NULL, about TEXT NOT NULL, creator INTEGER NOT NULL,
  date INTEGER NOT NULL, megagroup INTEGER NOT NULL, forum INTEGER NOT NULL, username TEXT UNIQUE COLLATE NOCASE,
  protected INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS members(
  channel INTEGER NOT NULL, account INTEGER NOT NULL, PRIMARY KEY(channel, account)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS admins(
  channel INTEGER NOT NULL, account INTEGER NOT NULL, rights BLOB NOT NULL,
  PRIMARY KEY(channel, account)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS topics(
  peer INTEGER NOT NULL, id INTEGER NOT NULL, title TEXT, closed INTEGER NOT NULL, PRIMARY KEY(peer, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS boxes(
  id INTEGER PRIMARY KEY, pts INTEGER NOT NULL, top INTEGER NOT NULL, changed INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS messages(
  box INTEGER NOT NULL, id INTEGER NOT NULL, peer INTEGER NOT NULL, author INTEGER NOT NULL, date INTEGER NOT NULL,
  text TEXT NOT NULL, body BLOB NOT NULL, twin INTEGER, PRIMARY KEY(box, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS messages_by_peer ON messages(box, peer, id);
CREATE TABLE IF NOT EXISTS events(
  box INTEGER NOT NULL, pts INTEGER NOT NULL, count INTEGER NOT NULL, kind TEXT NOT NULL, peer INTEGER NOT NULL,
  ids TEXT NOT NULL, PRIMARY KEY(box, pts)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS randoms(
  account INTEGER NOT NULL, peer INTEGER NOT NULL, random_id INTEGER NOT NULL, message INTEGER NOT NULL,
  pts INTEGER NOT NULL, PRIMARY KEY(account, peer, random_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reads(
  account INTEGER NOT NULL, peer INTEGER NOT NULL, inbox INTEGER NOT NULL DEFAULT 0,
  outbox INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(account, peer)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forbidden(peer INTEGER NOT NULL, what TEXT NOT NULL, error TEXT NOT NULL,
  PRIMARY KEY(peer, what)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads(
  account INTEGER NOT NULL, file_id INTEGER NOT NULL, big INTEGER NOT NULL, part_size INTEGER, total INTEGER,
  name TEXT NOT NULL, size INTEGER, PRIMARY KEY(account, file_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts(
  account INTEGER NOT NULL, file_id INTEGER NOT NULL, part INTEGER NOT NULL, size INTEGER NOT NULL, data BLOB,
  arrived REAL NOT NULL DEFAULT 0, PRIMARY KEY(account, file_id, part));
CREATE TABLE IF NOT EXISTS media(
  added INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER UNIQUE NOT NULL, hash INTEGER NOT NULL,
  generation INTEGER NOT NULL, body BLOB NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL,
  file TEXT NOT NULL, thumb BLOB);
"""


_ADDED = (("keys", "dc", "INTEGER NOT NULL DEFAULT 2"), ("parts", "arrived", "REAL NOT NULL DEFAULT 0"))


class Database:
    """A thin hand on SQLite; ``folder`` None keeps everything in memory."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def opened(self) -> Iterator["Database"]:
        """Open the database, making it where there is none, and close it at the end."""
        path = ":memory:" if self._folder is None else str(self._folder / "telegram.db")
        self._connection = sqlite3.connect(path, isolation_level=None)
        try:
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=OFF")
            self._connection.executescript(_SCHEMA)
            self._add_columns()
            yield self
        finally:
            self._connection.close()
            self._connection = None

    def _add_columns(self) -> None:
        """Bring a database of an older version up to date."""
        for table, column, kind in _ADDED:
            if column not in {row["name"] for row in self.all(f"PRAGMA table_info({table})")}:
                self.run(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("the embedded Telegram is not running")
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another transaction it joins that one."""
        if self._open.in_transaction:
            yield
            return
        self._open.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._open.execute("ROLLBACK")
            raise
        self._open.execute("COMMIT")

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement; returns how many rows it changed."""
        return self._open.execute(sql, values).rowcount

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row, or None."""
        row: sqlite3.Row | None = self._open.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Every row."""
        return self._open.execute(sql, values).fetchall()

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        row = self.one(sql, *values)
        return None if row is None else row[0]
