"""Reads and transactions on a real encrypted file: isolation, cancelling, errors."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from medusa.errors import Broken, MedusaError
from medusa.storage import Store, open_store

INSERT = "INSERT INTO settings (key, value) VALUES (?, 'x')"
COUNT = "SELECT count(*) FROM settings"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path) as opened:
        yield opened


async def count(store: Store) -> int:
    [(number,)] = await store.read(COUNT)
    return int(number)


async def test_settings_of_the_connection(store: Store) -> None:
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "temp_store": 2,
        "cipher_memory_security": "0",
        "cipher_page_size": "1024",
    }
    assert {name: (await store.read(f"PRAGMA {name}"))[0][0] for name in wanted} == wanted


async def test_rows_are_tuples_and_one_row_may_be_missing(store: Store) -> None:
    assert await store.read("SELECT 1, 'two' UNION SELECT 3, 'four'") == [(1, "two"), (3, "four")]
    assert await store.read_one("SELECT ?", (5,)) == (5,)
    assert await store.read_one("SELECT 1 WHERE 0") is None


async def test_a_block_commits_once_and_is_counted(store: Store) -> None:
    assert store.commits == 0
    async with store.write() as db:
        await db.run(INSERT, ("a",))
        await db.many(INSERT, [("b",), ("c",)])
        assert await db.run(COUNT) == [(3,)]
    assert (await count(store), store.commits) == (3, 1)


async def test_an_error_in_the_block_rolls_back(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.write() as db:
            await db.run(INSERT, ("a",))
            raise ZeroDivisionError
    assert (await count(store), store.commits) == (0, 0)


async def test_what_breaks_a_rule_of_the_schema_is_a_fault_of_ours(store: Store) -> None:
    with pytest.raises(Broken):
        async with store.write() as db:
            await db.run(INSERT, ("a",))
            await db.run(INSERT, ("a",))
    with pytest.raises(Broken):
        await store.read("SELECT nothing FROM nowhere")
    with pytest.raises(Broken):
        await store.read("SELECT ?", (1, 2))
    assert await count(store) == 0


async def test_nobody_sees_what_is_not_committed(store: Store) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with store.write() as db:
            await db.run(INSERT, ("a",))
            inside.set()
            await go_on.wait()
            await db.run(INSERT, ("b",))

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        await inside.wait()
        reading = group.create_task(count(store))
        second = group.create_task(write())
        await asyncio.sleep(0)
        second.cancel()
        go_on.set()
    assert reading.result() == 2


async def test_many_writers_take_turns(store: Store) -> None:
    async def write(number: int) -> None:
        async with store.write() as db:
            [(before,)] = await db.run(COUNT)
            await asyncio.sleep(0)
            await db.run(INSERT, (f"{number} {before}",))

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(write(number))
    rows = await store.read("SELECT key FROM settings")
    assert sorted(int(key.split()[1]) for (key,) in rows) == list(range(20))


async def test_nesting_is_refused_instead_of_waiting_for_ever(store: Store) -> None:
    with pytest.raises(RuntimeError, match="wait for itself"):
        async with store.write():
            await store.read(COUNT)
    with pytest.raises(RuntimeError, match="wait for itself"):
        async with store.write(), store.write():
            pass
    assert await count(store) == 0


@pytest.mark.parametrize("turns", range(14))
@pytest.mark.parametrize("cancels", [1, 3])
async def test_a_cancel_at_any_point_commits_all_or_nothing(store: Store, turns: int, cancels: int) -> None:
    """Each pause is another point within begin, statements and commit; a commit is counted if it happened."""

    async def write() -> None:
        async with store.write() as db:
            for key in ("a", "b"):
                await db.run(INSERT, (key,))

    task = asyncio.create_task(write())
    for _ in range(turns):
        await asyncio.sleep(0.0002)
    for _ in range(cancels):
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait({task})
    assert await count(store) == 2 * store.commits
    async with store.write() as db:  # the lock is free and no transaction is open
        await db.run(INSERT, ("c",))
    assert await count(store) == 2 * (store.commits - 1) + 1


async def test_a_cancel_during_the_commit_comes_after_it(store: Store) -> None:
    async def write() -> None:
        async with store.write() as db:
            await db.run(INSERT, ("a",))
            asyncio.get_running_loop().call_soon(task.cancel)

    task = asyncio.create_task(write())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await count(store), store.commits) == (1, 1)


async def test_a_commit_that_fails_leaves_no_transaction_open(store: Store) -> None:
    async with store.write() as db:
        await db.run("CREATE TABLE late (job INTEGER REFERENCES jobs (id) DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(MedusaError):
        async with store.write() as db:
            await db.run("INSERT INTO late VALUES (99)")
    assert store.commits == 1
    async with store.write() as db:
        await db.run(INSERT, ("a",))
    assert await store.read("SELECT * FROM late") == []
