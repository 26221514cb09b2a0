"""Batches in trouble: what hangs, what stands there many times, chats that go, and commands that cross."""

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from medusa.batches import turns
from medusa.batches.parsing import parse
from medusa.demo.lines import Line
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.model import JobState, Order
from medusa.storage.batches import Batch, BatchItem, BatchState, ItemState, Places


async def newest(stage: Stage) -> Batch:
    return (await stage.app.conductor.batches.recent(1))[0]


async def items(stage: Stage) -> list[BatchItem]:
    return await stage.app.conductor.batches.items((await newest(stage)).id)


async def until(stage: Stage, *, done: int) -> None:
    """Wait until so many items of the newest batch are done."""
    async with asyncio.timeout(60):
        while sum(item.state is ItemState.DONE for item in await items(stage)) < done:
            await asyncio.sleep(0.05)


async def begun(stage: Stage, text: str, options: str = "", chat: str = "me") -> None:
    await play(stage, [Line(text=f"/batch {options}\n{text}", chat=chat)])
    conductor = stage.app.conductor
    await conductor.start(await newest(stage))


def posts(stage: Stage, chat: int | None = None) -> list[Any]:
    return [one for one in stage.telegram.messages(chat) if getattr(one, "media", None)]


def hanging(stage: Stage) -> str:
    return f"{stage.media.url}/slow/archive.bin?rate=1000"


def notes(stage: Stage, count: int) -> str:
    return "\n".join(f"N{number}:{stage.media.url}/notes.pdf?{number}" for number in range(count))


async def test_one_link_that_hangs_holds_up_nothing(stage: Stage) -> None:
    await begun(stage, f"Hangs:{hanging(stage)}\n{notes(stage, 40)}")
    await until(stage, done=40)
    assert (await items(stage))[0].state is ItemState.OPEN
    assert [one.message for one in posts(stage)] == [f"{number + 2:02}. N{number}" for number in range(40)]
    await stage.app.conductor.cancel(await newest(stage))


async def test_where_posts_are_made_in_turn_nobody_waits_for_ever(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 1.0)
    chat = await stage.channel("Films")
    stage.telegram.faults.forbid(chat, "edit", "MESSAGE_EDIT_TIME_EXPIRED")
    await begun(stage, f"Hangs:{hanging(stage)}\n{notes(stage, 5)}", chat="Films")
    await until(stage, done=5)
    assert (await newest(stage)).places is Places.TURNS
    assert [one.message for one in posts(stage, chat)] == [f"{number + 2}. N{number}" for number in range(5)]
    await stage.app.conductor.cancel(await newest(stage))


async def test_the_same_link_many_times_is_sent_once_and_holds_up_nothing(stage: Stage) -> None:
    link = f"{stage.media.url}/slow/notes.pdf?rate=200"  # three seconds
    await begun(stage, "\n".join([f"Same:{link}"] * 60) + "\n" + notes(stage, 5))
    async with asyncio.timeout(30):
        while not all(item.state is ItemState.DONE for item in (await items(stage))[60:]):
            await asyncio.sleep(0.02)
    assert all(item.state is not ItemState.DONE for item in (await items(stage))[:60])
    payload = stage.telegram.payload
    await until(stage, done=65)
    assert stage.telegram.payload - payload <= 609  # the file itself
    found = posts(stage)
    assert [one.message.partition(".")[0] for one in found] == [f"{number:02}" for number in range(1, 66)]
    assert len({one.media.document.id for one in found[:60]}) == 1


async def test_a_dead_link_many_times_fails_in_each_place(stage: Stage) -> None:
    await begun(stage, "\n".join([f"Gone:{stage.media.url}/dead"] * 12))
    async with asyncio.timeout(60):
        await stage.app.conductor.idle()
    assert [item.state for item in await items(stage)] == [ItemState.FAILED] * 12


async def test_a_channel_that_goes_stops_its_batch_alone(stage: Stage) -> None:
    chat = await stage.channel("Films")
    await begun(stage, f"Slow:{stage.media.url}/slow/notes.pdf?rate=200\n{notes(stage, 30)}", chat="Films")
    await until(stage, done=1)
    stage.telegram.faults.fail("*", "CHANNEL_PRIVATE", times=None, when=lambda request: _names(request, chat))
    gone = await newest(stage)
    async with asyncio.timeout(30):
        while not (await stage.app.conductor.batches.get(gone.id) or gone).reason:
            await asyncio.sleep(0.05)
    await stage.owner.send(0, f"/batch --no-index\n{notes(stage, 3)}")
    async with asyncio.timeout(30):
        while (other := await newest(stage)).id == gone.id:
            await asyncio.sleep(0.05)
    await stage.app.conductor.start(other)
    await until(stage, done=3)
    assert (await stage.app.conductor.cancel(gone)).state is BatchState.CANCELLED
    states = {item.state for item in await stage.app.conductor.batches.items(gone.id)}
    assert states == {ItemState.DONE, ItemState.CANCELLED}


def _names(request: Any, chat: int) -> bool:
    peer = getattr(request, "peer", None) or getattr(request, "channel", None)
    return getattr(peer, "channel_id", None) == -(10**12) - chat


async def test_a_closed_topic_is_said_and_the_batch_goes_on_when_it_is_open(stage: Stage) -> None:
    chat = await stage.channel("Films")
    stage.telegram.faults.forbid(chat, "write", "TOPIC_CLOSED")
    await play(stage, [Line(text=f"/batch\n{notes(stage, 3)}", chat="me")])
    batch = await newest(stage)
    await stage.app.conductor.batches.put(replace(batch, spot=str(chat)))
    orders = [(item.seq, replace(item.order, to=str(chat))) for item in await items(stage)]
    await stage.app.conductor.batches.reorder(batch.id, orders)
    await stage.app.conductor.start(await newest(stage))
    async with asyncio.timeout(30):
        while "topic is closed" not in (await newest(stage)).reason:
            await asyncio.sleep(0.05)
    stage.telegram.faults.forbid(chat, "write", None)
    await stage.owner.send(0, f"/batch {batch.id} resume")
    await until(stage, done=3)
    await stage.app.idle()
    assert [one.message for one in posts(stage, chat)] == ["1. N0", "2. N1", "3. N2"]
    assert (await newest(stage)).state is BatchState.DONE


async def test_pause_and_resume_may_cross_with_all_else(stage: Stage) -> None:
    await begun(stage, notes(stage, 30))
    conductor = stage.app.conductor
    for _ in range(6):
        await conductor.pause(await newest(stage))
        await asyncio.gather(conductor.start(await newest(stage)), conductor.retry(await newest(stage)))
    async with asyncio.timeout(60):
        await conductor.idle()
    assert [one.message for one in posts(stage)] == [f"{number + 1:02}. N{number}" for number in range(30)]


async def test_a_cancel_crosses_with_jobs_that_end(stage: Stage) -> None:
    await begun(stage, notes(stage, 40))
    await until(stage, done=5)
    batch = await newest(stage)
    await asyncio.gather(stage.app.conductor.cancel(batch), stage.app.conductor.cancel(batch))
    done = [item for item in await items(stage) if item.state is ItemState.DONE]
    assert {item.state for item in await items(stage)} <= {ItemState.DONE, ItemState.CANCELLED}
    texts = [one for one in stage.telegram.messages() if (one.message or "").startswith("…")]
    assert (len(posts(stage)), texts) == (len(done), [])


async def test_thousands_of_lines_are_kept_quickly(stage: Stage) -> None:
    """What is compared is not time but work: few commits, and few rows looked at for each item that ends."""
    text = "\n".join(f"N{number}:{stage.media.url}/notes.pdf?{number}" for number in range(5000))
    orders = [(item.line, item.name, Order(item.link)) for item in parse(text).items]
    batches, commits = stage.app.conductor.batches, stage.app.store.commits
    batch = await batches.add(1, 900, "Many", str(stage.owner.user_id), Places.UNTRIED, orders, time.time())
    assert stage.app.store.commits - commits == 1
    assert len(await batches.items(batch.id, ItemState.WAITING, limit=10)) == 10
    plan = await stage.app.store.read(
        "EXPLAIN QUERY PLAN SELECT seq FROM batch_items WHERE batch_id = 1 AND state = 'open' ORDER BY seq"
    )
    assert "batch_items_by_state" in json.dumps(plan)
    assert (await stage.app.jobs.counts())[JobState.QUEUED] == 0
