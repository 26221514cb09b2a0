"""Removes everything that Medusa has on this machine, and finishes that when it was cut short."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from medusa.errors import UserError
from medusa.storage.errors import translated_files
from medusa.storage.folder import LOCK, SLOTS, make_private, write_private
from medusa.storage.lock import locked
from medusa.storage.replacing import ASIDE, STAGING

MARKER = "medusa.erase"
LOGS = "log"
"""The folder of the log within that of the state."""
_OURS = ("medusa.", ".medusa.", ASIDE, STAGING)
"""How the names of what goes begin: a state that was moved aside can be read with the key that lies in it."""
DONE = (
    "Everything is erased: state and login, keys, logs and work files. "
    "Medusa begins afresh at the next start. Backups, exports, .env and what stands in chats are yours to delete."
)
STILL_IN = "The login could not be ended: {}\nEnd it yourself: Telegram → Settings → Devices."


class Erased(UserError):
    """Everything was erased, as the owner has asked: nothing is left to run on."""

    @property
    def fatal(self) -> bool:
        """The whole process has to stop."""
        return True


def intend(data: Path) -> None:
    """Note that everything is to go; from now on, the next start finishes what a kill cuts short. Raises UserError."""
    with translated_files(data):
        make_private(data)
        write_private(data / MARKER, b"everything here is to be erased\n")


@contextmanager
def finishing(data: Path, work: Path) -> Iterator[None]:
    """Erase everything at once if that is intended, which ends in Erased, and when it is intended at the end."""
    if (data / MARKER).exists():
        finish(data, work)
        raise Erased(DONE)
    try:
        yield
    finally:
        if (data / MARKER).exists():
            finish(data, work)


def finish(data: Path, work: Path) -> None:
    """Erase everything: the keys first, without which the rest can't be read, and last the note that it is intended.

    Other files than Medusa's stay in the state's folder. Raises UserError for a running Medusa, and for files that
    can't be removed.
    """
    with locked(data), translated_files(data):
        _remove(data / SLOTS)
        for path in sorted(data.iterdir()):
            if path.name.startswith(_OURS) and path.name not in (MARKER, LOCK):
                _remove(path)
        _remove(data / LOGS)
        for path in sorted(work.iterdir()) if work.is_dir() else ():
            _remove(path)
        _remove(data / MARKER)
    with suppress(OSError):
        (data / LOCK).unlink()


def empty_logs(data: Path) -> int:
    """Empty the files of the log, which goes on; returns how many bytes there were. Raises OSError."""
    total = 0
    for path in sorted((data / LOGS).glob("*")):
        if path.is_file():
            total += path.stat().st_size
            os.truncate(path, 0)
    return total


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
