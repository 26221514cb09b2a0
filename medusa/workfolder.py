"""The folder in which jobs work: what is cleared away at the start, and what trouble with its disk means."""

import errno
import os
import shutil
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

import structlog

from medusa.errors import BROKEN, FOREVER, Broken, DiskFull, MedusaError, Transient, UserError

log = structlog.get_logger()


def trouble(error: OSError) -> MedusaError:
    """What an error of the disk means for a job."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull()
    if error.errno == errno.ENOMEM:
        return Transient("The machine is short of memory; the job goes on in a while.", after=60, tries=FOREVER)
    if error.errno == errno.EROFS:
        words = "The work folder can only be read; the job goes on when it can be written."
        return Transient(words, after=60, tries=FOREVER)
    log.error("job.broken", exc_info=error)
    return Broken(BROKEN)


def remove(folder: Path, numbers: Sequence[int]) -> None:
    """Remove what the jobs of these numbers have in the folder."""
    for number in numbers:
        shutil.rmtree(folder / str(number), ignore_errors=True)


def sweep(folder: Path, keep: AbstractSet[str]) -> None:
    """Make the folder if it is missing, and remove what jobs other than ``keep`` have left there. Raises UserError."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for entry in folder.iterdir():
            if entry.name.isdigit() and entry.name not in keep:
                shutil.rmtree(entry, ignore_errors=True)
    except OSError as error:
        raise UserError(
            f"The work folder {folder} can't be used ({error.strerror}). Set MEDUSA_WORK to one that can."
        ) from error


def keep_only(folder: Path, paths: AbstractSet[Path]) -> None:
    """Remove all files below a folder but these; one that cannot be removed goes with the folder, later."""
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            if path not in paths:
                with suppress(OSError):
                    path.unlink()
