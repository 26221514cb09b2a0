"""Brings a database to the newest schema: numbered SQL files, forward only, each in one transaction with its number."""

import re
from dataclasses import dataclass
from pathlib import Path

from aiosqlite import Connection

from medusa.errors import UserError

FOLDER = Path(__file__).parent / "migrations"
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step forward: from schema ``number - 1`` to ``number``."""

    number: int
    name: str
    sql: str


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """The migrations in ``folder``, in order. Raises ValueError when one is misnamed or the numbers have a gap."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path.name} is not called NNNN_name.sql")
        found.append(Migration(int(match[1]), path.name, path.read_text(encoding="utf-8")))
    if [step.number for step in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"the migrations in {folder} are not numbered 1, 2, 3 …")
    return found


def refuse_newer(version: int, known: int) -> None:
    """Raise UserError when the database was written by a newer Medusa than this one."""
    if version > known:
        raise UserError(
            f"The state was written by a newer Medusa: it has version {version}, this Medusa knows {known}. "
            "Update Medusa, or restore an older backup. Nothing was changed."
        )


async def migrate(connection: Connection, steps: list[Migration]) -> None:
    """Run the steps that the database has not seen. A step that fails or is cut short leaves no trace.

    Raises SQLCipher's error when a step fails.
    """
    [(version,)] = await connection.execute_fetchall("PRAGMA user_version")
    for step in steps[version:]:
        script = f"BEGIN IMMEDIATE;\n{step.sql}\nPRAGMA user_version = {step.number};\nCOMMIT;"
        try:
            await connection.executescript(script)
        finally:
            await connection.rollback()
