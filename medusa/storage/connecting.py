"""Connects to an encrypted database: the one place that hands SQLCipher a key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2 as sqlcipher

from medusa.storage.keys import KEY_BYTES

PAGE = 1024
"""Bytes of a page in new databases, which is what is written anew when a row changes."""


def connector(path: Path, data_key: bytes, page: int = PAGE, mode: str = "rw") -> Callable[[], Any]:
    """How to connect to a database that is there, or is to be made with the mode ``rwc``.

    The key is given here and nowhere else, because aiosqlite logs the statements that it runs.
    """
    if len(data_key) != KEY_BYTES:
        raise ValueError("SQLCipher would take a raw key of another length for a passphrase")

    def connect() -> Any:
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        connection = sqlcipher.connect(uri, uri=True, isolation_level=None, cached_statements=64)
        connection.execute("PRAGMA cipher_log_level = NONE")  # its errors come as exceptions, too
        connection.execute("PRAGMA cipher_memory_security = OFF")  # wiping each buffer makes reads 2.6 times slower
        connection.execute(f"PRAGMA key = \"x'{data_key.hex()}'\"")
        connection.execute(f"PRAGMA cipher_page_size = {page}")
        return connection

    return connect


def attach(connection: Any, path: Path, data_key: bytes, page: int) -> None:
    """Have the connection see another database, which must be there, under the name ``other``."""
    if len(data_key) != KEY_BYTES:
        raise ValueError("SQLCipher would take a raw key of another length for a passphrase")
    connection.execute(f"ATTACH ? AS other KEY \"x'{data_key.hex()}'\"", (f"{path.absolute().as_uri()}?mode=rw",))
    connection.execute(f"PRAGMA other.cipher_page_size = {page}")
