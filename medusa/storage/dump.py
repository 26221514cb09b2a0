"""Writes all rows of a state as lines, and makes a state of such lines again."""

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from medusa.storage.migrate import Migration

_ROWS = 100
"""Rows of one line, at most."""
LOGIN = frozenset({"telegram_login"})
_LEFT_OUT = frozenset({"telegram_updates", "answers"})
"""The place in the updates: from an old one on, Telegram would hand out commands that were obeyed; and a cache."""
_COUNTERS = "sqlite_sequence"


@dataclass(slots=True)
class Tally:
    """How many rows each table has, and the SHA-256 of them as hex."""

    counts: dict[str, int] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)


def tables(connection: Any, *, login: bool) -> list[str]:
    """The tables that belong into a dump, in order; last the one of how far numbers were given.

    The login is among them only when it is asked for.
    """
    rows = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'").fetchall()
    without = _LEFT_OUT | (frozenset() if login else LOGIN)
    found = [name for (name,) in rows if name not in without and not name.startswith("sqlite_")]
    return [*sorted(found), _COUNTERS]


def counts(connection: Any, names: Iterable[str]) -> dict[str, int]:
    """How many rows these tables have."""
    return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608


def dump(connection: Any, names: Iterable[str], tally: Tally) -> Iterator[bytes]:
    """The rows of the tables as lines of JSON: a table's name, then some of its rows, of which few are kept in memory.

    Within one transaction they are those of one moment. What was written stands in ``tally`` in the end.
    """
    for name in names:
        digest, count = hashlib.sha256(), 0
        cursor = connection.execute(f'SELECT {_columns(connection, name)} FROM "{name}" NOT INDEXED')  # noqa: S608
        while rows := cursor.fetchmany(_ROWS):
            line = json.dumps([name, [[_plain(value) for value in row] for row in rows]], separators=(",", ":"))
            digest.update(line.encode())
            count += len(rows)
            yield line.encode() + b"\n"
        tally.counts[name], tally.hashes[name] = count, digest.hexdigest()


def build(connection: Any, steps: Iterable[Migration], lines: Iterable[bytes]) -> None:
    """Make an empty database one with the schema that ``steps`` make, and with the rows of ``lines``.

    Raises SQLCipher's errors, ValueError and KeyError for lines that do not fit the schema.
    """
    found = list(steps)
    connection.executescript("\n".join(["BEGIN IMMEDIATE;", *(step.sql for step in found), "COMMIT;"]))
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN IMMEDIATE")
    for name, _ in triggers:  # what they would write stands among the rows
        connection.execute(f'DROP TRIGGER "{name}"')
    for name in tables(connection, login=True):
        connection.execute(f'DELETE FROM "{name}"')  # noqa: S608 (of our own schema)
    inserts: dict[str, str] = {}
    for line in lines:
        name, rows = json.loads(line)
        if name not in inserts:
            inserts[name] = _insert(connection, name)
            if name == _COUNTERS:
                connection.execute("DELETE FROM sqlite_sequence")  # the rows themselves have left their traces there
        connection.executemany(inserts[name], ([_real(value) for value in row] for row in rows))
    for _, sql in triggers:
        connection.execute(sql)
    connection.execute(f"PRAGMA user_version = {len(found)}")
    connection.execute("COMMIT")


def _insert(connection: Any, name: str) -> str:
    if name not in tables(connection, login=True):
        raise ValueError("a table that there is not")
    columns = _columns(connection, name)
    marks = ", ".join("?" * len(columns.split(", ")))
    return f'INSERT INTO "{name}" ({columns}) VALUES ({marks})'  # noqa: S608 (of our own schema)


def _columns(connection: Any, name: str) -> str:
    """The columns that hold something, but for those that are computed."""
    rows = connection.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", (name,)).fetchall()
    return ", ".join(f'"{column}"' for (column,) in rows)


def _plain(value: Any) -> Any:
    return {"b": b64encode(value).decode()} if isinstance(value, bytes) else value


def _real(value: Any) -> Any:
    return b64decode(value["b"]) if isinstance(value, dict) else value
