"""Writes what the state holds as JSON Lines: a manifest, a line for each row, and a hash of all of it."""

import hashlib
import json
import math
from base64 import b64encode
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from medusa import __version__
from medusa.storage.contents import COLUMNS, TABLES, WITHOUT_SECRETS, Schema, mine, schema_of

FORM = 1
"""The form of the lines; a reader refuses a later one."""


def export(connection: Any, path: Path, now: float, person: int | None = None) -> dict[str, int]:
    """Write everything, or what belongs to a person, into the new file ``path``, which only its owner may read.

    What the connection sees is of one moment. Secrets are left out. Returns how many rows of which table were written.
    Raises FileExistsError, and OSError.
    """
    schema = schema_of(connection.execute(COLUMNS).fetchall())
    names = [name for name in schema if TABLES[name].shown and (person is None or mine(name, schema))]
    values = {} if person is None else {"person": person}
    counts = {
        name: connection.execute(f'SELECT count(*) FROM "{name}"{_where(name, schema, person)}', values).fetchone()[0]  # noqa: S608
        for name in names
    }
    [(version,)] = connection.execute("PRAGMA user_version").fetchall()
    manifest = {
        "medusa": __version__,
        "form": FORM,
        "schema": version,
        "made": now,
        "person": person,
        "counts": counts,
        "left": {f"{name}.{column}": table.why for name, table in TABLES.items() for column in table.left.split()},
    }
    digest = hashlib.sha256()
    path.touch(mode=0o600, exist_ok=False)
    with path.open("wb") as file:
        rows = (line for name in names for line in _rows(connection, name, schema, person))
        for line in chain([_line(manifest)], rows):
            digest.update(line)
            file.write(line)
        file.write(_line({"sha256": digest.hexdigest()}))
    return counts


def _rows(connection: Any, name: str, schema: Schema, person: int | None) -> Iterator[bytes]:
    columns = [column for column in TABLES[name].shown.split() if column in schema[name]]
    wanted = ", ".join(WITHOUT_SECRETS if column == "order" else f'"{column}"' for column in columns)
    sql = f'SELECT {wanted} FROM "{name}"{_where(name, schema, person)} ORDER BY 1'  # noqa: S608 (of our own list)
    cursor = connection.execute(sql, {} if person is None else {"person": person})
    while rows := cursor.fetchmany(100):
        for row in rows:
            yield _line({"in": name, "row": dict(zip(columns, map(_plain, row), strict=True))})


def _where(name: str, schema: Schema, person: int | None) -> str:
    return "" if person is None else f" WHERE {mine(name, schema)}"


def _plain(value: Any) -> Any:
    """A value as JSON can say it; bytes as base64."""
    if isinstance(value, bytes):
        return {"base64": b64encode(value).decode()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
