"""Writes what is handed out: an export as a file in the work folder."""

from pathlib import Path
from typing import Any

from medusa import workfolder
from medusa.storage import Store
from medusa.storage.exporting import export


async def write_export(store: Store, path: Path, now: float, person: int | None = None) -> dict[str, int]:
    """Write an export to ``path``, in place of what is there; returns its rows by table. Raises MedusaError."""

    def write(connection: Any) -> dict[str, int]:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            return export(connection, path, now, person)
        except OSError as error:
            raise workfolder.trouble(error) from error

    return await store.aside(write)
