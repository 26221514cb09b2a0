"""Migrations on real encrypted files: every start version, failures and kills in the middle."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiosqlite import Connection
from sqlcipher3 import dbapi2 as sqlcipher

from medusa.storage.ballast import Ballast
from medusa.storage.library import Posts
from medusa.storage.migrate import FOLDER, migrate, migrations, refuse_newer
from medusa.storage.store import Place, Row, Store, open_store

ROOT = Path(__file__).parents[2]
HISTORY = range(len(migrations()) + 1)


@asynccontextmanager
async def database(path: Path) -> AsyncIterator[Connection]:
    """An encrypted database without a schema."""

    def connect() -> sqlcipher.Connection:
        connection = sqlcipher.connect(str(path), isolation_level=None)
        connection.execute(f"PRAGMA key = \"x'{'ab' * 32}'\"")
        return connection

    async with Connection(connect, iter_chunk_size=64) as connection:
        yield connection


async def schema(connection: Connection) -> list[Row]:
    """Everything that the migrations made, and the version."""
    rows = await connection.execute_fetchall("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2")
    return [*map(tuple, rows), *map(tuple, await connection.execute_fetchall("PRAGMA user_version"))]


def write_steps(folder: Path, *scripts: str) -> Path:
    for number, script in enumerate(scripts, start=1):
        (folder / f"{number:04}_step.sql").write_text(script)
    return folder


async def test_the_store_has_the_newest_schema(tmp_path: Path) -> None:
    async with open_store(tmp_path / "state") as store:
        made = await store.read("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2")
        assert await store.read("PRAGMA user_version") == [(len(migrations()),)]
    async with database(tmp_path / "fresh.db") as connection:
        await migrate(connection, migrations())
        assert (await schema(connection))[:-1] == made
    assert len(made) > 10


@pytest.mark.parametrize("start", HISTORY)
async def test_every_historic_version_becomes_the_newest(tmp_path: Path, start: int) -> None:
    async with database(tmp_path / "fresh.db") as fresh, database(tmp_path / "old.db") as old:
        await migrate(fresh, migrations())
        await migrate(old, migrations()[:start])
        assert list(await old.execute_fetchall("PRAGMA user_version")) == [(start,)]
        for step in range(start + 1, len(migrations()) + 1):
            await migrate(old, migrations()[:step])
        assert await schema(old) == await schema(fresh)
        await migrate(old, migrations())
        assert await schema(old) == await schema(fresh)


async def test_words_that_were_indexed_before_are_found_once_and_forgotten_with_their_post(tmp_path: Path) -> None:
    columns = (
        "source, link, as_document, size, name, title, mime, caption, spoiler, document_id, access_hash, "
        "file_reference, chat_id, message_id, at, job_id"
    )
    values = "x'00', 'l', 0, 1, 'n', 'Old film', 'm', '', 0, 1, 2, x'00', 3, 4, 5.0, 6"
    async with database(tmp_path / "a.db") as connection:
        await migrate(connection, migrations()[:4])
        for _ in range(2):
            await connection.execute_fetchall(f"INSERT INTO library ({columns}) VALUES ({values})")  # noqa: S608
        await migrate(connection, migrations())
        place = Place(tmp_path, bytes(32), 1024)
        posts = Posts(
            Store(connection, place, Ballast(tmp_path), version=len(migrations()), created=False, slot="keyfile")
        )
        assert [post.id for post in await posts.find("film", 9, 9)] == [2, 1]
        await posts.forget(2)
        assert [post.id for post in await posts.find("film", 9, 9)] == [1]
        await connection.execute_fetchall(
            "INSERT INTO library_words (library_words, rank) VALUES ('integrity-check', 1)"
        )


async def test_a_step_that_fails_leaves_no_trace_and_the_ones_before_it_stay(tmp_path: Path) -> None:
    folder = write_steps(
        tmp_path,
        "CREATE TABLE first (a);",
        "CREATE TABLE second (a); INSERT INTO first VALUES (1); INSERT INTO nowhere VALUES (1);",
    )
    async with database(tmp_path / "a.db") as connection:
        with pytest.raises(sqlcipher.OperationalError, match="nowhere"):
            await migrate(connection, migrations(folder))
        assert not connection.in_transaction
        assert [row[1] for row in (await schema(connection))[:-1]] == ["first"]
        assert (await schema(connection))[-1] == (1,)
        assert list(await connection.execute_fetchall("SELECT * FROM first")) == []


async def test_a_step_that_is_killed_leaves_no_trace(tmp_path: Path) -> None:
    folder = write_steps(
        tmp_path,
        "CREATE TABLE first (a);",
        "CREATE TABLE second (a);\n"
        "INSERT INTO second SELECT randomblob(3000) FROM (VALUES (1), (2), (3)), (VALUES (1), (2), (3));\n"
        "SELECT die();",
    )
    code = "import asyncio, sys; from tests.integration.test_storage_migrations import *; asyncio.run(die(sys.argv[1]))"
    child = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code, str(folder)], cwd=ROOT, check=False)
    assert child.returncode == -signal.SIGKILL
    async with database(tmp_path / "a.db") as connection:
        assert [row[1] for row in (await schema(connection))[:-1]] == ["first"]
        write_steps(tmp_path, "CREATE TABLE first (a);", "CREATE TABLE second (a);")
        await migrate(connection, migrations(folder))
        assert (await schema(connection))[-1] == (2,)


async def die(folder: str) -> None:
    """Migrate with a step that kills the process; runs in a process of its own."""
    async with database(Path(folder) / "a.db") as connection:
        await connection.execute_fetchall("PRAGMA journal_mode = WAL")
        await connection.create_function("die", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
        await migrate(connection, migrations(Path(folder)))


@pytest.mark.parametrize("names", [["0002_a.sql"], ["0001_a.sql", "0001_b.sql"], ["1_a.sql"], ["0001_a.sql", "b.sql"]])
def test_misnumbered_migrations_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("")
    with pytest.raises(ValueError, match="not"):
        migrations(tmp_path)


def test_migrations_leave_transactions_and_the_version_to_the_runner() -> None:
    for step in migrations():
        own = re.findall(r"(?im)^\s*(?:begin|commit|rollback|savepoint|pragma)\b.*", step.sql)
        assert own == [], step.name


def test_migrations_lie_beside_the_module() -> None:
    assert FOLDER.is_dir()
    assert migrations()[0].name == "0001_first.sql"


def test_the_same_version_is_not_newer() -> None:
    refuse_newer(3, 3)
