"""Keeps the state folder private: what its files are called, who may read them, how they are replaced."""

import os
from pathlib import Path

DATABASE = "medusa.db"
SLOTS = "medusa.keys"
KEY_FILE = "medusa.key"
LOCK = "medusa.lock"


def make_private(folder: Path) -> None:
    """Make sure that ``folder`` exists and that only its owner may enter. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)


_FIRST = 4096
"""Bytes that a database has at most whose first statement was cut short."""


def make_database(folder: Path) -> Path:
    """Make sure that the database is a file which only its owner may read, empty at first. Raises OSError.

    SQLite gives the mode of this file to its write-ahead log, too.
    """
    path = folder / DATABASE
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return path


def has_database(folder: Path) -> bool:
    """Whether there is state that could be lost; a first start that was cut short leaves an empty file."""
    path = folder / DATABASE
    return path.exists() and path.stat().st_size > 0


def cut_short(folder: Path) -> bool:
    """Whether a kill met the first start just while it wrote the first pages: what is there is to be rolled back.

    From then on there is a write-ahead log, and never again a rollback journal (https://sqlite.org/lockingv3.html).
    """
    path = folder / DATABASE
    return path.with_name(f"{DATABASE}-journal").exists() and path.stat().st_size <= _FIRST


def write_private(path: Path, content: bytes) -> None:
    """Write the file whole or not at all, readable by its owner alone. Raises OSError."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
