"""Lets only one process at a time use the state folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medusa.errors import UserError
from medusa.storage.errors import translated_files
from medusa.storage.folder import LOCK


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. The kernel lets go of it when the process ends, however it ends.

    Raises UserError when another process holds it. The file stays: removing it would let two processes lock two files.
    """
    with translated_files(folder):
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with translated_files(folder):
            _take(descriptor, folder)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _take(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
        raise UserError(
            f"Medusa is already running (process {pid}) with the state in {folder}. Stop it before starting another."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def holder(folder: Path) -> int | None:
    """The process that works on the folder, or None.

    One that was killed leaves its number, which may be another's by now, and in a container mostly is. Only then is
    the lock tried, for less than a moment: otherwise looking is in nobody's way.
    """
    path = folder / LOCK
    try:
        pid = int(path.read_text())
        os.kill(pid, 0)
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return pid
    except (OSError, ValueError):
        pass
    return None
