"""Proves that a database is whole."""

from typing import Any


def sound(connection: Any) -> bool:
    """Whether each page is what was written, all indexes fit, and nothing refers to what there is not."""
    return (
        not connection.execute("PRAGMA cipher_integrity_check").fetchall()
        and connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        and not connection.execute("PRAGMA foreign_key_check").fetchall()
    )
