"""Holds a little room on the state's disk, so that the state can still be saved when the disk is full."""

import os
import time
from pathlib import Path

import structlog

log = structlog.get_logger()

FILE = "medusa.ballast"
SIZE = 8 * 1024 * 1024
"""Many times what the write-ahead log grows to (``journal_size_limit``)."""
_LOW = 1024 * 1024
"""Free bytes below which the ballast is dropped before anything fails."""
_REST = 600.0
"""Seconds until making it is tried again where something forbids it, such as a quota."""


class Ballast:
    """A file of real blocks in the state's ``folder`` that is given up when the disk is full, and made again later."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._rests_until = 0.0

    def relieve(self) -> None:
        """Drop the ballast when the disk is nearly full."""
        if self._free() < _LOW:
            self.drop()

    def trim(self) -> None:
        """Drop the ballast when the disk is nearly full, make it when there is room; blocks for a moment."""
        free = self._free()
        if free < _LOW:
            self.drop()
        elif free >= 2 * SIZE and time.monotonic() >= self._rests_until and not self._path.exists():
            self._make()

    def drop(self) -> bool:
        """Give up the room that is held; False when none was."""
        try:
            self._path.unlink()
        except OSError:
            return False
        log.info("storage.ballast_dropped")
        return True

    def _make(self) -> None:
        """Take the room, all of it or none; without it everything works as long as the disk is not full."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                # A file of a given length that was not written would hold no room (posix_fallocate(3)).
                os.posix_fallocate(descriptor, 0, SIZE)
            finally:
                os.close(descriptor)
        except OSError as error:
            log.warning("storage.no_ballast", cause=error.strerror)
            self._rests_until = time.monotonic() + _REST
            self.drop()

    def _free(self) -> int:
        seen = os.statvfs(self._path.parent)
        return seen.f_bavail * seen.f_frsize
