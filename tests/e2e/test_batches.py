"""Lists of links become posts in order, whatever happens on the way."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medusa.demo.lines import Line
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.model import Order
from medusa.sources.described import Description
from medusa.storage.batches import BatchState, ItemState, Places
from medusa.storage.handled import Handled


def lines(stage: Stage, *names: str) -> str:
    return "\n".join(f"{name}:{stage.media.url}/{path}" for name, _, path in (one.partition("=") for one in names))


async def play_batch(stage: Stage, text: str, chat: str = "me", options: str = "") -> str:
    """Have a list posted; returns what its message reads at the end."""
    async with asyncio.timeout(100):
        await play(stage, [Line(text=f"/batch {options}\n{text}", chat=chat)])
        number = (await stage.app.conductor.batches.recent(1))[0].id
        await play(stage, [Line(text=f"/batch {number} go", chat=chat)])
    return await shown(stage)


async def shown(stage: Stage) -> str:
    """What the newest batch's message reads."""
    batch = (await stage.app.conductor.batches.recent(1))[0]
    message = await stage.owner.message(batch.chat_id, batch.message_id)
    assert message
    return message.text


def posts(stage: Stage, chat: int | None = None) -> list[Any]:
    return [one for one in stage.telegram.messages(chat) if getattr(one, "media", None)]


async def items(stage: Stage) -> list[ItemState]:
    batch = (await stage.app.conductor.batches.recent(1))[0]
    return [item.state for item in await stage.app.conductor.batches.items(batch.id)]


MIXED = ("Slow=slow/clip.mp4?rate=800000", "Notes=notes.pdf", "Gone=dead", "Song=song.mp3", "Stream=hls/index.m3u8")


async def test_a_list_is_posted_in_its_order(stage: Stage) -> None:
    said = await play_batch(stage, lines(stage, *MIXED))
    assert [one.message.partition(" ")[0] for one in posts(stage)] == ["1.", "2.", "4.", "5."]
    [failed] = [one for one in stage.telegram.messages() if one.message and one.message.startswith("✗ 3. Gone")]
    assert posts(stage)[1].id < failed.id < posts(stage)[2].id
    assert "4 posted" in said
    assert "1 failed" in said
    assert await items(stage) == [*[ItemState.DONE] * 2, ItemState.FAILED, *[ItemState.DONE] * 2]


async def test_a_retry_fills_the_failed_place(stage: Stage) -> None:
    await play_batch(stage, lines(stage, "One=notes.pdf", "Two=dead", "Three=song.mp3"))
    batch = (await stage.app.conductor.batches.recent(1))[0]
    place = (await stage.app.conductor.batches.items(batch.id))[1].slot
    await play(stage, [Line(text=f"/batch retry {batch.id}")])
    again = (await stage.app.conductor.batches.items(batch.id))[1]
    assert (again.slot, again.state) == (place, ItemState.FAILED)


@pytest.mark.parametrize(
    ("fault", "places"),
    [(None, Places.TEXT), ("MEDIA_PREV_INVALID", Places.FILE), ("MESSAGE_EDIT_TIME_EXPIRED", Places.TURNS)],
)
async def test_each_kind_of_chat_keeps_the_order(stage: Stage, fault: str | None, places: Places) -> None:
    chat = await stage.channel("Films")
    if fault == "MEDIA_PREV_INVALID":

        def text_only(request: Any) -> bool:
            before = next((m for m in stage.telegram.messages(chat) if m.id == request.id), None)
            return request.media is not None and before is not None and before.media is None

        stage.telegram.faults.fail("messages.editMessage", fault, times=None, when=text_only)
    elif fault:
        stage.telegram.faults.forbid(chat, "edit", fault)
    text = lines(stage, "Slow=slow/clip.mp4?rate=800000", "Notes=notes.pdf", "Song=song.mp3")
    await play(stage, [Line(text=f"/batch\n{text}", chat="Films")])
    await play(stage, [Line(text="/batch 1 go")])
    batch = (await stage.app.conductor.batches.recent(1))[0]
    assert (batch.state, batch.places) == (BatchState.DONE, places)
    assert [one.message for one in posts(stage, chat)] == ["1. Slow", "2. Notes", "3. Song"]


async def test_the_places_of_a_cancelled_batch_go(stage: Stage, tmp_path: Path) -> None:
    chat = await stage.channel("Films")
    text = lines(stage, "Slow=slow/clip.mp4?rate=20000", "Notes=notes.pdf")
    await play(stage, [Line(text=f"/batch\n{text}", chat="Films")])
    await play(stage, [Line(text="/batch 1 go", wait=2), Line(text="/batch 1 pause", wait=1)])
    assert (await stage.app.conductor.batches.recent(1))[0].state is BatchState.PAUSED
    await play(stage, [Line(text="/batch 1 cancel")])
    assert (await stage.app.conductor.batches.recent(1))[0].state is BatchState.CANCELLED
    said = [one.message for one in stage.telegram.messages(chat) if getattr(one, "message", "")]
    assert said[1:] == ["2. Notes"]
    assert said[0].startswith("– Batch 1 without a name: 1 posted · 1 cancelled")


async def test_the_plan_tells_what_comes(stage: Stage) -> None:
    """What was looked at is what is posted: kinds, the dead, bytes, and what stands there twice."""
    text = lines(stage, "A=archive.bin", "B=notes.pdf", "Gone=dead", "Again=notes.pdf", "Song=song.mp3")
    await play(stage, [Line(text=f"/batch -n Plan\n{text}\nno link here")])
    plan = await shown(stage)
    sizes = [one.media.document.size for one in posts(stage)]
    assert not sizes
    assert "Batch 1 “Plan”: 5 items" in plan
    assert "line 6: has no link: no link here" in plan
    assert "1 dead: 3" in plan
    assert "1 of the links stand there more than once" in plan
    await play(stage, [Line(text="2", reply_to=(await stage.app.conductor.batches.recent(1))[0].message_id)])
    sizes = [one.media.document.size for one in posts(stage)]
    assert len(sizes) == 4
    assert f"{sum(sizes) / 1e6:.1f} MB in all" in plan
    assert (await items(stage))[2] is ItemState.DROPPED


async def test_a_plan_can_be_changed_before_it_begins(stage: Stage) -> None:
    text = lines(stage, "A=notes.pdf", "B=song.mp3", "C=notes.pdf --silent")
    await play(stage, [Line(text=f"/batch\n{text}"), Line(text='/batch 1 -c "{batch} {index}" --spoiler -n Named')])
    await play(stage, [Line(text="/batch 1 only 2-3"), Line(text="/batch 1 go")])
    assert [one.message for one in posts(stage)] == ["Named 2", "Named 3"]


async def test_a_change_holds_for_all_items_and_takes_nothing_else_from_them(stage: Stage) -> None:
    """Also when it says what is the rule, and an item has said otherwise."""
    text = lines(stage, "A=notes.pdf -q 480 --doc --trim=0-1", "B=song.mp3")
    await play(stage, [Line(text=f"/batch\n{text}"), Line(text="/batch 1 -q 720 --media --loudness")])
    orders = [item.order for item in await stage.app.conductor.batches.items(1)]
    assert [(one.quality, one.as_document, sorted(one.edits)) for one in orders] == [
        ("720", False, ["loudness", "trim"]),
        ("720", False, ["loudness"]),
    ]


async def test_a_batch_that_was_cancelled_while_its_links_were_looked_at_does_not_begin(stage: Stage) -> None:
    """And other commands are obeyed meanwhile."""
    await play(stage, [Line(text=f"/batch\n{lines(stage, 'A=notes.pdf', 'B=song.mp3')}")])
    looking, goes_on = asyncio.Event(), asyncio.Event()
    desk = stage.app.router._desk
    look = desk.look

    async def slowly(order: Order, part: str) -> Description:
        looking.set()
        await goes_on.wait()
        return await look(order, part)

    stage.app.router._desk = replace(desk, look=slowly)
    async with asyncio.timeout(60):
        await stage.owner.send(0, "/batch 1 go --living")
        await looking.wait()
        place = await stage.owner.send(0, "/batch 1 cancel")
        while not await Handled(stage.app.store).seen(stage.owner.user_id, place):
            await asyncio.sleep(0.05)
        goes_on.set()
        await play(stage, [Line(text="/batches")])
    assert (await stage.app.conductor.batches.recent(1))[0].state is BatchState.CANCELLED
    said = [one.text for one in await stage.owner.history(stage.owner.user_id)]
    assert "Batch 1 is cancelled." in said


REFUSED = {
    "/batch": "Which list?",
    "/batch 7": "There is no batch 7",
    "/batch\nno link": "There is no link in that list.\nline 1: has no link: no link",
    "/batch\nA:https://a.b/c -q 9000000": "No line of that list can be used.",
    "/batch -c {nope}\nA:https://a.b/c": "knows no field",
    "/batch 9-3": "runs backwards",
    "/batches": "There is no batch yet",
}


async def test_what_cannot_be_done_is_said(stage: Stage) -> None:
    await play(stage, [Line(text=text) for text in REFUSED])
    answers = await stage.owner.history(stage.owner.user_id)
    for message, (text, answer) in zip(answers, REFUSED.items(), strict=True):
        assert answer in message.text, text
