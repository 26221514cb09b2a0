"""Makes a sealed copy of a state, and a state of a sealed copy; both in threads, and with little memory."""

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from medusa import __version__
from medusa.backups.sealed import DAMAGED, KEY_BYTES, seal, unseal
from medusa.errors import UserError
from medusa.storage.backups import Instance
from medusa.storage.connecting import connector
from medusa.storage.dump import Tally, build, counts, dump, tables
from medusa.storage.errors import translated, translated_files
from medusa.storage.migrate import migrations
from medusa.storage.proving import sound

_FORM = 1
"""The form of the lines within a backup."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands at the head of each backup: by whom and when it was made, and how many rows of what are in it.

    ``schema`` is the number of the last migration, ``created`` Unix seconds, ``account`` the Telegram account's id or
    None, ``login`` whether the account's auth key is in it, ``audit`` the head of the chain of audit rows.
    """

    medusa: str
    schema: int
    created: float
    instance: str
    lineage: str
    generation: int
    account: int | None
    login: bool
    counts: dict[str, int]
    audit: str = ""


def write_copy(
    connection: Any, out: Path, key: bytes, who: Instance, account: int | None, *, now: float, login: bool = False
) -> Manifest:
    """Seal all that a connection sees, within its transaction, into the file ``out``. Raises OSError.

    The file is on the disk when this returns, and readable by its owner alone.
    """
    names = tables(connection, login=login)
    [(schema,)] = connection.execute("PRAGMA user_version").fetchall()
    manifest = Manifest(
        medusa=__version__,
        schema=schema,
        created=now,
        instance=who.id,
        lineage=who.lineage,
        generation=who.generation,
        account=account,
        login=login,
        counts=counts(connection, names),
        audit=_audit_head(connection),
    )
    out.unlink(missing_ok=True)
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        seal(key, _lines(connection, names, manifest), file)
        file.flush()
        os.fsync(descriptor)
    return manifest


def _lines(connection: Any, names: Sequence[str], manifest: Manifest) -> Iterator[bytes]:
    """The manifest, the rows, and in the end what was counted and hashed on the way."""
    tally = Tally()
    yield _line({"form": _FORM, **asdict(manifest)})
    yield from dump(connection, names, tally)
    yield _line({"hashes": tally.hashes})


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def _audit_head(connection: Any) -> str:
    """The proof of the last audit row, as hex; empty while there is none."""
    row = connection.execute("SELECT hex(proof) FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    return row[0] if row else ""


def read_manifest(source: BinaryIO, key: bytes) -> Manifest:
    """What a backup says of itself. Raises UserError for one that is damaged, of another key, or of a newer Medusa."""
    return _manifest(unseal(key, source))


def _manifest(lines: Iterator[bytes]) -> Manifest:
    try:
        values = json.loads(next(lines, b""))
        form = values.pop("form")
        known = len(migrations())
        if form > _FORM or values["schema"] > known:
            raise UserError(
                f"This backup was made by a newer Medusa ({values['medusa']}): its version is {values['schema']}, this "
                f"Medusa knows {known}. Update Medusa and try again; nothing was changed."
            )
        return Manifest(**values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(DAMAGED) from error


def read_copy(source: BinaryIO, key: bytes, path: Path, data_key: bytes) -> Manifest:
    """Make a database at ``path``, under ``data_key``, of a backup, and prove that it holds what was saved.

    Its pages, its foreign keys, the number of its rows and their hashes are checked once it is closed and opened again.
    Raises UserError, and OSError for the files.
    """
    lines = unseal(key, source)
    manifest = _manifest(lines)
    hashes: list[dict[str, str]] = []
    make_empty(path)
    try:
        with translated():
            connection = connector(path, data_key)()
            try:
                connection.execute("PRAGMA journal_mode = OFF")  # what is not finished is thrown away
                connection.execute("PRAGMA synchronous = OFF")  # and what is, is written out below
                build(connection, migrations()[: manifest.schema], _rows(lines, hashes))
            finally:
                connection.close()
            _write_out(path)
            _prove(path, data_key, manifest, hashes)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(DAMAGED) from error
    return manifest


def make_empty(path: Path) -> None:
    """An empty file that only its owner may read, in place of what is there. Raises OSError."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _write_out(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rows(lines: Iterator[bytes], hashes: list[dict[str, str]]) -> Iterator[bytes]:
    """The lines with rows; what the last line says of them goes into ``hashes``."""
    for line in lines:
        if line.startswith(b"{"):
            hashes.append(json.loads(line)["hashes"])
        else:
            yield line


def _prove(path: Path, data_key: bytes, manifest: Manifest, hashes: Sequence[dict[str, str]]) -> None:
    connection = connector(path, data_key, mode="ro")()
    try:
        well = sound(connection)
        tally = Tally()
        for _ in dump(connection, tables(connection, login=manifest.login), tally):
            pass
    finally:
        connection.close()
    if not well or tally.counts != manifest.counts or [tally.hashes] != list(hashes):
        raise UserError(DAMAGED)


def check_copy(path: Path, key: bytes, scratch: Path) -> Manifest:
    """Prove that the backup at ``path`` restores: make a state of it at ``scratch``, under a key that is forgotten.

    Raises UserError for one that does not, DiskFull when there is no room for it.
    """
    try:
        with translated_files(scratch.parent), path.open("rb") as source:
            return read_copy(source, key, scratch, secrets.token_bytes(KEY_BYTES))
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
