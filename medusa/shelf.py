"""The folder with versions of a program that are newer than the built-in one, and the note which of them is used."""

import json
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_NOTE = "used.json"
_KEPT = 2
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*")


class Shelf:
    """Versions under ``root``, each in a folder of its name. All but `folder` and `version` block for a moment.

    The last two that were put there are kept; older ones go when no process uses them any more.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._versions: list[str] = []
        self._mark = ""

    @property
    def folder(self) -> Path | None:
        """The folder of the version in use, None when that is the built-in one."""
        return self._root / self._versions[-1] if self._versions else None

    @property
    def version(self) -> str | None:
        """The version in use, None when that is the built-in one."""
        return self._versions[-1] if self._versions else None

    def load(self) -> None:
        """Read which versions are used; a note that cannot be read stands for none."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads((self._root / _NOTE).read_text(encoding="utf-8"))
            self._mark = str(kept["mark"])
            self._versions = [one for one in kept["versions"] if _VERSION.fullmatch(one)]

    def stage(self) -> Path:
        """Make a folder for what is not to be used yet; `tidy` removes it."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Path(tempfile.mkdtemp(dir=self._root, prefix="new-"))

    def put(self, version: str, made: Path) -> None:
        """Move a folder in as this version, and use it from now on."""
        target = self._root / version
        if target.exists():  # a job may use it still: the same files take its place
            target.replace(made.with_name("replaced"))
        made.replace(target)
        self._note([*self._versions, version][-_KEPT:], self._mark)

    def back(self, mark: str = "") -> None:
        """Use the version before; what was done for the same ``mark`` before is not done again."""
        if self._versions and not (mark and mark == self._mark):
            self._note(self._versions[:-1], mark or self._mark)

    def tidy(self) -> None:
        """Remove what is not used, half-made folders included."""
        with suppress(OSError):
            for entry in self._root.iterdir():
                if entry.name not in (_NOTE, *self._versions) and not _is_used(entry):
                    shutil.rmtree(entry, ignore_errors=True)

    def _note(self, versions: list[str], mark: str) -> None:
        """Write down what is used, in one step, before it is used."""
        note = self._root / f"{_NOTE}.new"
        with note.open("w", encoding="utf-8") as file:
            json.dump({"versions": versions, "mark": mark}, file)
            file.flush()
            os.fsync(file.fileno())
        note.replace(self._root / _NOTE)
        self._versions, self._mark = versions, mark


def _is_used(folder: Path) -> bool:
    """Whether a process has this folder in its environment."""
    sought = f"={folder}\0".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if sought in (entry / "environ").read_bytes():
                return True
    return False
