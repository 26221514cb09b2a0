"""Puts one state in the place of another, so that a kill at any moment leaves one of them whole."""

import json
import shutil
from pathlib import Path

from medusa.storage.errors import translated_files
from medusa.storage.folder import DATABASE, KEY_FILE, SLOTS, write_private

STAGING = ".restoring"
"""The folder, within that of the state, in which a new state is made."""
ASIDE = "before-restore-"
"""How folders begin, within that of the state, in which a state is kept that was replaced."""
_READY = "ready"
_WHOLE = (f"{DATABASE}-wal", f"{DATABASE}-shm", DATABASE, SLOTS, KEY_FILE)
"""The files that make up a state."""


def stage(folder: Path) -> Path:
    """An empty folder in which to make a state that is to take the place of the one in ``folder``. Raises OSError."""
    staging = folder / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    return staging


def commit(folder: Path, aside: str, *, keep: bool) -> None:
    """Decide that what is staged takes the place of what there is, and see to it; the lock must be held.

    What there is goes into the folder ``aside`` beside it, and is kept there only with ``keep``. Raises UserError.
    """
    names = [name for name in _WHOLE if (folder / STAGING / name).exists()]
    with translated_files(folder):
        plan = json.dumps({"aside": aside, "keep": keep, "names": names})
        write_private(folder / STAGING / _READY, plan.encode())
    complete(folder)


def complete(folder: Path) -> None:
    """Bring to its end what a kill has broken off after it was decided; nothing happens when there is nothing.

    The lock must be held. Raises UserError when the files can't be moved.
    """
    staging = folder / STAGING
    if not (staging / _READY).exists():
        return
    with translated_files(folder):
        plan = json.loads((staging / _READY).read_bytes())
        aside = folder / plan["aside"]
        aside.mkdir(mode=0o700, exist_ok=True)
        for name in _WHOLE:
            moved_in = name in plan["names"] and not (staging / name).exists()
            if not moved_in and (folder / name).exists():
                (folder / name).replace(aside / name)
            if (staging / name).exists():
                (staging / name).replace(folder / name)
        if not plan["keep"] or not any(aside.iterdir()):
            shutil.rmtree(aside)
        shutil.rmtree(staging)
