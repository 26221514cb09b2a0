"""What is known of watched lists is committed together with what is posted, or not at all."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from medusa.errors import Transient
from medusa.model import Order
from medusa.storage import open_store
from medusa.storage.batches import Batches, BatchState, Places
from medusa.storage.store import Store
from medusa.storage.watches import Outcome, Watch, Watches

ORDER = Order("https://a.example/list", to="7")
FRESH = Watch(
    0, 5, 9, "The show", ORDER, "21600.0", "{}", active=True, due=100.0, tail=False, items=2, looked=1.0, fails=0,
    reason="", created=1.0,
)  # fmt: skip


def taking(*names: str) -> Outcome:
    orders = [
        (index, name, replace(ORDER, link=f"https://a.example/{name}", index=index, total=len(names), batch="The show"))
        for index, name in enumerate(names, start=1)
    ]
    return Outcome(orders, names, places=Places.TURNS)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "state") as store:
        yield store


async def test_a_message_makes_one_watch(store: Store) -> None:
    table = Watches(store)
    watch, batch = await table.add(FRESH, taking("a", "b"))
    assert batch
    assert (watch.id, batch.state, batch.items, batch.unasked, batch.spot) == (1, BatchState.RUNNING, 2, True, "7")
    assert await table.add(FRESH, taking("c")) == (watch, None)
    same = replace(FRESH, message_id=10)
    assert await table.add(same, taking("c")) == (watch, None)
    assert await table.seen(1, ["a", "b", "c"]) == {"a", "b"}
    assert [one.id for one in await Batches(store).open()] == [batch.id]
    other, _ = await table.add(replace(same, order=replace(ORDER, to="8")), Outcome(keys=["\ud800", "x" * 10_000]))
    assert other.id != watch.id
    assert await table.seen(other.id, ["\ud800", "x" * 10_000, "a"]) == {"\ud800", "x" * 10_000}


async def test_what_is_watched_no_more_takes_nothing(store: Store) -> None:
    table = Watches(store)
    watch, _ = await table.add(FRESH, Outcome(keys=["a"]))
    await table.put_due(watch.id, 50.0, active=False)
    assert await table.conclude(replace(watch, due=200.0), taking("b"), 60.0) is None
    assert await table.seen(watch.id, ["b"]) == set()
    await table.put_due(watch.id, 50.0)
    batch = await table.conclude(replace(watch, due=200.0, title="Now"), taking("b"), 60.0)
    found = await table.get(watch.id)
    assert batch
    assert found
    assert (found.due, found.title) == (200.0, "Now")
    assert [(one.taken, one.batch_id) for one in await table.runs(watch.id, 9)] == [(1, batch.id)]
    assert [(one.name, one.state, one.post_id) for one in await table.taken(watch.id, 9)] == [("b", "waiting", None)]
    await table.remove(watch.id)
    assert await table.conclude(found, taking("c"), 70.0) is None
    assert await store.read("SELECT * FROM watch_seen") == await store.read("SELECT * FROM watch_runs") == []
    assert await Batches(store).get(batch.id)


async def test_a_commit_that_fails_leaves_nothing(store: Store) -> None:
    table = Watches(store)
    watch, _ = await table.add(FRESH, Outcome())
    await store.read("PRAGMA max_page_count = 1")  # no room for anything more
    many = taking(*(f"{number}{'x' * 500}" for number in range(500)))
    with pytest.raises(Transient):
        await table.conclude(watch, many, 60.0)
    await store.read("PRAGMA max_page_count = 1000000")
    assert await table.seen(watch.id, many.keys) == set()
    assert not await Batches(store).recent(1)
    assert await table.conclude(watch, many, 60.0)
    assert len(await table.seen(watch.id, many.keys)) == 500
