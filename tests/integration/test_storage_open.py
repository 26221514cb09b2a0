"""Opening the encrypted state file: first start, refusals, damage, crashes, and what a thief would find."""

import asyncio
import hashlib
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from medusa.errors import MedusaError, Transient, UserError
from medusa.model import Order
from medusa.storage import open_store
from medusa.storage.handled import Handled
from medusa.storage.jobs import Jobs
from medusa.storage.keys import unlock
from medusa.storage.lock import holder
from medusa.storage.outbox import Entry
from medusa.storage.settings import StoredSettings
from medusa.storage.store import Store
from medusa.storage.telegram import Entity, Login, TelegramState
from medusa.storage.uploads import Upload
from tests.integration.storage_kit import put_entries, put_upload

ROOT = Path(__file__).parents[2]
MARKER = "PLANTED-MARKER-7f3a"


def python(code: str, *arguments: str | Path) -> "subprocess.Popen[str]":
    """A second process with Medusa's modules."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name not in ("medusa.lock", "medusa.db-shm") and path.stat().st_size  # what holds no state
    }


def workers() -> list[threading.Thread]:
    """The threads in which connections run."""
    return [thread for thread in threading.enumerate() if "connection_worker" in thread.name]


async def refusal(folder: Path, passphrase: str | None = None) -> str:
    """The words of a refused opening, which must leave files and threads as they were."""
    before = hashes(folder)
    with pytest.raises(UserError) as caught:
        async with open_store(folder, passphrase=passphrase):
            pytest.fail("it opened")
    assert hashes(folder) == before
    for thread in workers():
        thread.join(timeout=10)
    assert workers() == []
    return caught.value.user_text


async def fill(folder: Path, rows: int = 200) -> None:
    """A state of some hundred pages."""
    async with open_store(folder) as store, store.write() as db:
        await db.many("INSERT INTO settings VALUES (?, ?)", [(f"key {n}", "x" * 3000) for n in range(rows)])


@pytest.fixture
async def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    await fill(folder)
    return folder


async def test_the_first_opening_makes_private_files_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    async with open_store(folder) as store:
        await StoredSettings(store).set("language", "eo")
        assert (store.created, store.slot) == (True, "keyfile")
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert folder.stat().st_mode & 0o777 == 0o700
    names = {
        "medusa.db",
        "medusa.db-wal",
        "medusa.db-shm",
        "medusa.key",
        "medusa.keys",
        "medusa.lock",
        "medusa.ballast",
    }
    assert modes == dict.fromkeys(names, 0o600)
    async with open_store(folder) as store:
        assert await StoredSettings(store).all() == {"language": "eo"}
        assert not store.created


async def test_modes_that_were_opened_up_are_closed_again(state: Path) -> None:
    state.chmod(0o755)
    (state / "medusa.db").chmod(0o644)
    async with open_store(state):
        assert state.stat().st_mode & 0o777 == 0o700
        assert (state / "medusa.db").stat().st_mode & 0o777 == 0o600


async def test_a_passphrase_opens_what_it_locked(tmp_path: Path) -> None:
    async with open_store(tmp_path, passphrase="correct horse") as store:
        assert store.slot == "passphrase"
    assert "The passphrase does not open" in await refusal(tmp_path, passphrase="wrong horse")
    async with open_store(tmp_path, passphrase="correct horse") as store:
        assert not store.created


async def test_a_wrong_key_changes_nothing_and_says_so(state: Path) -> None:
    (state / "medusa.key").write_text("0" * 64)
    assert "does not open the state" in await refusal(state)


async def test_keys_of_another_state_change_nothing_not_even_after_a_crash(state: Path, tmp_path: Path) -> None:
    """SQLite would fold the log of the crashed process into the file when a connection closes, whatever its key."""
    child = python(CRASH, state)
    await asyncio.to_thread(child.communicate)
    assert child.returncode == -signal.SIGKILL
    assert (state / "medusa.db-wal").stat().st_size > 0
    other = tmp_path / "other"
    other.mkdir()
    unlock(other, key_file=None, passphrase=None)
    for name in ("medusa.key", "medusa.keys"):
        shutil.copy(state / name, tmp_path / name)
        shutil.copy(other / name, state / name)
    assert "damaged, or it does not belong to the keys" in await refusal(state)
    for name in ("medusa.key", "medusa.keys"):
        shutil.copy(tmp_path / name, state / name)
    async with open_store(state) as store:
        assert (await StoredSettings(store).all())["last words"] == "kept"


CRASH = """
import asyncio, sys
from tests.integration.test_storage_open import crash
asyncio.run(crash(sys.argv[1]))
"""


async def crash(folder: str) -> None:
    """Commit something and die with the log unfolded; runs in a process of its own."""
    async with open_store(Path(folder)) as store:
        await StoredSettings(store).set("last words", "kept")
        signal.raise_signal(signal.SIGKILL)


async def test_flipped_bits_are_noticed(state: Path) -> None:
    path = state / "medusa.db"
    sound = path.read_bytes()
    chance = random.Random(20)
    for _ in range(25):
        flipped = bytearray(sound)
        flipped[chance.randrange(len(sound))] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        assert "damaged" in await refusal(state)
    path.write_bytes(sound)
    async with open_store(state) as store:
        assert len(await StoredSettings(store).all()) == 200


@pytest.mark.parametrize("keep", [1, 100, 4096, 8192, 100_000, -4096, -1])
async def test_a_truncated_file_is_noticed(state: Path, keep: int) -> None:
    path = state / "medusa.db"
    path.write_bytes(path.read_bytes()[:keep])
    assert "damaged" in await refusal(state)


def enlarge_pages(folder: Path) -> None:
    """Turn the state into one of those that were made with pages of 4096 bytes."""
    key = unlock(folder, key_file=None, passphrase=None).data_key.hex()
    connection = sqlcipher.connect(str(folder / "medusa.db"))
    connection.executescript(
        f"""PRAGMA key = "x'{key}'"; PRAGMA cipher_page_size = 1024;
        ATTACH '{folder / "large.db"}' AS large KEY "x'{key}'"; PRAGMA large.cipher_page_size = 4096;
        SELECT sqlcipher_export('large');"""
    )
    [(version,)] = connection.execute("PRAGMA user_version").fetchall()
    connection.execute(f"PRAGMA large.user_version = {version}")
    connection.close()
    (folder / "large.db").replace(folder / "medusa.db")


async def test_a_state_with_the_larger_pages_of_old_serves_as_it_is(state: Path) -> None:
    enlarge_pages(state)
    child = python(CRASH, state)
    await asyncio.to_thread(child.communicate)
    assert child.returncode == -signal.SIGKILL
    for _ in range(2):
        async with open_store(state) as store:
            assert await store.read("PRAGMA cipher_page_size") == [("4096",)]
            settings = await StoredSettings(store).all()
            assert (settings["last words"], len(settings)) == ("kept", 201)
    path = state / "medusa.db"
    flipped = bytearray(path.read_bytes())
    flipped[5000] ^= 1
    path.write_bytes(flipped)
    assert "damaged" in await refusal(state)


async def test_a_file_that_is_no_database_is_left_alone(state: Path) -> None:
    (state / "medusa.db").write_text("My diary. " * 1000)
    assert "damaged" in await refusal(state)


async def test_a_folder_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        async with open_store(tmp_path / "file"):
            pytest.fail("it opened")
    (tmp_path / "state" / "medusa.db").mkdir(parents=True)
    with pytest.raises(UserError, match=r"medusa\.(db|keys)"):
        async with open_store(tmp_path / "state"):
            pytest.fail("it opened")


async def test_a_second_process_is_refused_and_told_which_is_the_first(tmp_path: Path) -> None:
    child = python(
        "import asyncio, sys; from tests.integration.test_storage_open import *\nasyncio.run(hold(sys.argv[1]))",
        tmp_path,
    )
    assert child.stdout is not None
    assert await asyncio.to_thread(child.stdout.readline) == "open\n"
    try:
        assert f"already running (process {child.pid})" in await refusal(tmp_path)
        assert holder(tmp_path) == child.pid
    finally:
        child.kill()
        await asyncio.to_thread(child.communicate)
    assert holder(tmp_path) is None
    (tmp_path / "medusa.lock").write_text(f"{os.getpid()}\n")  # the number that was left is somebody else's by now
    assert holder(tmp_path) is None
    async with open_store(tmp_path) as store:
        assert await StoredSettings(store).all() == {}


async def hold(folder: str) -> None:
    """Keep the state open; runs in a process of its own."""
    async with open_store(Path(folder)):
        sys.stdout.write("open\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


async def test_the_same_process_can_not_open_it_twice_either(tmp_path: Path) -> None:
    async with open_store(tmp_path):
        with pytest.raises(UserError, match="already running"):
            async with open_store(tmp_path):
                pytest.fail("it opened")


async def test_a_newer_state_is_refused_with_both_versions(state: Path) -> None:
    async with open_store(state) as store:
        [(known,)] = await store.read("PRAGMA user_version")
        await store.read("PRAGMA user_version = 4711")
    text = await refusal(state)
    assert "version 4711" in text
    assert f"knows {known}" in text


async def test_threads_end_with_the_block(tmp_path: Path) -> None:
    async with open_store(tmp_path):
        assert len(workers()) == 1
    for thread in workers():
        thread.join(timeout=10)
    assert workers() == []


@pytest.mark.parametrize("pause", [0.0, 0.0003, 0.001, 0.003, 0.005, 0.008, 0.012, 0.016, 0.02, 0.03])
async def test_cancelling_the_opening_leaves_nothing_behind(state: Path, pause: float) -> None:
    """Each pause lets the opening come a little further."""

    async def use() -> None:
        async with open_store(state):
            await asyncio.Event().wait()

    task = asyncio.create_task(use())
    await asyncio.sleep(pause)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for thread in workers():
        thread.join(timeout=10)
    assert workers() == []
    async with open_store(state) as store:
        assert len(await StoredSettings(store).all()) == 200


async def plant(store: Store) -> bytes:
    """Write the marker into every table that holds text or bytes; returns a planted authorization key."""
    jobs = Jobs(store)
    [job] = await jobs.add([Order(f"https://example.org/{MARKER}", caption=MARKER)], 1, 1, 0.0)
    await StoredSettings(store).set(MARKER, MARKER)
    await put_entries(store, Entry(job.id, 0, 1, 5, "media", 6, 7, MARKER.encode()))
    await put_upload(store, Upload(job.id, 0, 1, 1, 1, MARKER))
    auth_key = (MARKER.encode() * 20)[:256]
    await TelegramState(store).save(Login(2, MARKER, 443, auth_key), [Entity(1, 2, MARKER, MARKER, MARKER)])
    return auth_key


def traces(folder: Path, secrets: list[bytes]) -> list[str]:
    return [path.name for path in folder.iterdir() for secret in secrets if secret.lower() in path.read_bytes().lower()]


async def test_nothing_in_the_folder_is_readable_and_nothing_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with open_store(tmp_path) as store:
            await plant(store)
            data_key = unlock(tmp_path, key_file=None, passphrase=None).data_key
            secrets = [MARKER.encode(), MARKER.encode().hex().encode(), data_key, data_key.hex().encode(), b"jobs_live"]
            assert (tmp_path / "medusa.db-wal").stat().st_size > 4096
            assert traces(tmp_path, secrets) == []
    assert (tmp_path / "medusa.db").stat().st_size > 4096
    assert traces(tmp_path, secrets) == []
    assert MARKER not in caplog.text
    assert data_key.hex() not in caplog.text


WRITER = """
import asyncio, sys
from tests.integration.test_storage_open import write_for_ever
asyncio.run(write_for_ever(sys.argv[1], int(sys.argv[2])))
"""


async def write_for_ever(folder: str, first: int) -> None:
    """Three jobs in each transaction, told once they are committed; runs in a process of its own."""
    async with open_store(Path(folder)) as store:
        jobs, message_id = Jobs(store), first
        while True:
            added = await jobs.add([Order(f"https://example.org/{n}" * 50) for n in range(3)], 1, message_id, 0.0)
            sys.stdout.write(json.dumps([job.id for job in added]) + "\n")
            sys.stdout.flush()
            message_id += 1


async def test_killed_while_writing_loses_nothing_that_was_told(tmp_path: Path) -> None:
    chance = random.Random(7)
    told: list[int] = []
    for lines in (0, 1, 7, 40, 150):
        child = python(WRITER, tmp_path, str(len(told) + 1000))
        assert child.stdout is not None
        for _ in range(lines):
            told += json.loads(await asyncio.to_thread(child.stdout.readline))
        time.sleep(chance.random() / 50)  # noqa: ASYNC251 (somewhere within a transaction)
        child.kill()
        rest, _ = await asyncio.to_thread(child.communicate)
        told += [number for line in rest.splitlines() if line.endswith("]") for number in json.loads(line)]
        async with open_store(tmp_path) as store:
            rows = await store.read("SELECT message_id, count(*), group_concat(id) FROM jobs GROUP BY message_id")
        assert all(count == 3 for _, count, _ in rows)
        assert {int(number) for *_, ids in rows for number in ids.split(",")} >= set(told)
    assert len(told) >= 3 * 198


async def test_a_full_disk_is_said_in_words_and_the_state_stays_sound(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        [(pages,)] = await store.read("PRAGMA page_count")
        await store.read(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(Transient, match="disk is full") as caught:
            await StoredSettings(store).set("big", "x" * 50_000)
        assert caught.value.retry_after
        await Handled(store).mark(1, 2, 0.0)
    async with open_store(tmp_path) as store:
        assert await Handled(store).seen(1, 2)
        assert await StoredSettings(store).all() == {}


def test_no_room_for_the_first_file_is_said_in_words(tmp_path: Path) -> None:
    """A real limit of the kernel's on the size of files stands in for the full disk."""
    code = (
        "import asyncio, resource, signal, sys; from tests.integration.test_storage_open import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "asyncio.run(open_and_report(sys.argv[1]))"
    )
    child = python(code, tmp_path)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert "disk" in out


async def open_and_report(folder: str) -> None:
    """Print the words of the error that opening ends in; runs in a process of its own."""
    try:
        async with open_store(Path(folder)):
            pass
    except MedusaError as error:
        sys.stdout.write(f"{type(error).__name__}: {error.user_text}\n")


async def test_a_first_start_that_was_cut_while_it_wrote_its_first_page_is_made_good(tmp_path: Path) -> None:
    """Its rollback journal has to be played back, which a connection that only reads cannot do."""
    done, cut = tmp_path / "done", tmp_path / "cut"
    async with open_store(done):
        pass
    shutil.copytree(done, cut)
    (cut / "medusa.db").unlink()
    data_key = unlock(cut, key_file=None, passphrase=None).data_key
    connection = sqlcipher.connect(str(cut / "draft"), isolation_level=None)
    connection.execute(f"PRAGMA key = \"x'{data_key.hex()}'\"")
    connection.execute("PRAGMA cipher_page_size = 1024")
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE cut (text)")
    while not 0 < (cut / "draft").stat().st_size <= 4096:  # until it no longer keeps all of it in memory
        connection.execute("INSERT INTO cut VALUES (hex(randomblob(400)))")
    for ending in ("", "-journal"):
        shutil.copy(cut / f"draft{ending}", cut / f"medusa.db{ending}")
    connection.close()
    async with open_store(cut) as store:
        await StoredSettings(store).set("quality", "720")
    async with open_store(cut) as store:
        assert await StoredSettings(store).all() == {"quality": "720"}
