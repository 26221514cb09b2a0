"""Writes the database anew beside the old one, proves the copy and puts it in the old one's place."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medusa.errors import UserError
from medusa.storage.connecting import attach, connector
from medusa.storage.folder import DATABASE, sync_folder
from medusa.storage.proving import sound

DRAFT = "medusa.db.new"
_BESIDE = ("-wal", "-shm", "-journal")


def draft(connect: Callable[[], Any], folder: Path, data_key: bytes, page: int) -> None:
    """Copy what the connection sees into a new file under ``data_key``, and prove that it is all there.

    VACUUM INTO would do the same under the old key, but ends larger databases of this page size with a crash (seen with
    SQLCipher 4.19). Raises SQLCipher's error, OSError, and UserError for a copy that differs.
    """
    clear(folder)
    path = folder / DRAFT
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection = connect()
    try:
        attach(connection, path, data_key, page)
        # What is not finished is thrown away, so the copy needs no journal; its bytes reach the disk at the end.
        connection.execute("PRAGMA other.journal_mode = OFF").fetchall()
        connection.execute("PRAGMA other.synchronous = OFF")
        connection.execute("SELECT sqlcipher_export('other')").fetchall()
        [(version,)] = connection.execute("PRAGMA main.user_version").fetchall()
        connection.execute(f"PRAGMA other.user_version = {version}")
        counted = _counts(connection)
    finally:
        connection.close()
    _prove(path, data_key, page, counted)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def put_in_place(folder: Path) -> None:
    """Let the draft be the database. Nobody may have either of them open. Raises OSError."""
    for ending in _BESIDE:  # a log that stayed would be replayed into the new file
        (folder / f"{DATABASE}{ending}").unlink(missing_ok=True)
    sync_folder(folder)
    (folder / DRAFT).replace(folder / DATABASE)
    sync_folder(folder)


def clear(folder: Path) -> None:
    """Remove a draft. Raises OSError."""
    for ending in ("", *_BESIDE):
        (folder / f"{DRAFT}{ending}").unlink(missing_ok=True)


def _counts(connection: Any) -> dict[str, int]:
    """How many rows each table has."""
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
    return {name: connection.execute(f'SELECT count(*) FROM main."{name}"').fetchone()[0] for name in names}  # noqa: S608


def _prove(path: Path, data_key: bytes, page: int, counted: dict[str, int]) -> None:
    connection = connector(path, data_key, page)()
    try:
        # Were it switched only in its place, a kill would leave a journal that a look at the file may not play back.
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        same = sound(connection) and _counts(connection) == counted
    finally:
        connection.close()
    if not same:
        raise UserError("The new state file differs from the old one, which stays as it is. See python3 run.py doctor.")
