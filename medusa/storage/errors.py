"""Translates what SQLCipher and the file system raise into Medusa's own errors, once, at the edge."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlcipher3 import dbapi2 as sqlcipher

from medusa.errors import Broken, DiskFull, MedusaError, Transient, UserError

DAMAGED = (
    "The state file is damaged, or it does not belong to the keys beside it. "
    "Restore the state folder from a backup, or move it away to start afresh."
)
_FORBIDDEN = "Medusa may not write its state file. Give its user write access to the state folder and start again."


def disk_full() -> DiskFull:
    """The error for a full disk."""
    return DiskFull("The disk is full, so the state can't be saved. Make some room; Medusa keeps trying.")


def translate(error: sqlcipher.Error) -> MedusaError:
    """Medusa's error for one of SQLCipher's, by its result code (https://www.sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", sqlcipher.SQLITE_ERROR) & 0xFF
    if code == sqlcipher.SQLITE_FULL:
        return disk_full()
    if code in (sqlcipher.SQLITE_CORRUPT, sqlcipher.SQLITE_NOTADB):
        return UserError(DAMAGED)
    if code in (sqlcipher.SQLITE_READONLY, sqlcipher.SQLITE_CANTOPEN, sqlcipher.SQLITE_PERM):
        return UserError(_FORBIDDEN)
    if code in (sqlcipher.SQLITE_BUSY, sqlcipher.SQLITE_LOCKED):
        return Transient("The state file is in use by another program.")
    if code == sqlcipher.SQLITE_IOERR:
        return Transient("The disk failed to read or write the state file.", after=30)
    return Broken("The state could not be read or written.")


@contextmanager
def translated() -> Iterator[None]:
    """Within this block, what SQLCipher raises leaves as one of Medusa's errors."""
    try:
        yield
    except sqlcipher.Error as error:
        raise translate(error) from error


@contextmanager
def translated_files(folder: Path) -> Iterator[None]:
    """Within this block, what the file system raises about the state ``folder`` leaves as one of Medusa's errors."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full() from error
        where = error.filename or folder
        raise UserError(f"The state in {folder} can't be used: {where}: {error.strerror}.") from error
