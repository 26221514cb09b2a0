"""A command that fits more than one job asks, and a reply of numbers is the answer."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

from medusa.commands import Choice, Menu
from medusa.commands.menus import MOST, OPEN_FOR
from medusa.config import Config
from medusa.demo.lines import Line
from medusa.demo.samples import Samples
from medusa.demo.script import play
from medusa.demo.stage import Stage, open_stage
from medusa.model import JobState, Order
from medusa.storage.menus import Menus
from medusa.telegram.inbox import Incoming
from medusa.words import clock
from tests.e2e.kit import send

ASKED = "Which job? Reply with a number, or several such as 1,3-5"


async def say(stage: Stage, text: str, reply_to: int | None = None, chat: int = 0) -> tuple[int, str]:
    """Write a message; returns its number and how it reads once it was answered, whatever jobs wait for."""
    place = await stage.owner.send(chat, text, reply_to=reply_to)
    async with asyncio.timeout(60):
        while True:
            message = await stage.owner.message(chat, place)
            if message is not None and message.text != text:
                return place, message.text
            await asyncio.sleep(0.02)


async def add(stage: Stage, count: int, message_id: int) -> None:
    """Have jobs wait for hours."""
    orders = [Order(f"https://a.example/{number}") for number in range(1, count + 1)]
    later = time.time() + 9e4
    await stage.app.scheduler.submit(orders, 5, message_id, not_before=later, reason="Scheduled for later.")


async def test_menus_from_the_first_to_the_last(stage: Stage) -> None:
    for command in ("cancel", "pause", "resume", "retry"):
        assert (await say(stage, f"/{command}"))[1] == f"There is nothing to {command}."
    await add(stage, 1, 1)
    assert (await say(stage, "/pause"))[1] == "Job #1 is paused."
    assert (await say(stage, "/resume"))[1] == "Job #1 is waiting: Scheduled for later."
    assert (await say(stage, "/prio high"))[1] == "Job #1 has high priority."
    assert (await say(stage, "/job"))[1].startswith("… #1 https://a.example/1\nScheduled for later.")
    assert (await say(stage, "/move top"))[1] == "No job is queued."
    await add(stage, 3, 2)
    names = [f"{number + 1}. #{number + 1} https://a.example/{max(1, number)} · waiting" for number in range(4)]
    menu, text = await say(stage, "/pause")
    assert text.split("\n") == [ASKED, *names]
    assert (await say(stage, "2,4", menu))[1] == "Job #2 is paused.\nJob #4 is paused."
    assert (await say(stage, "5", menu))[1] == "“5” is not offered here; choose from 1 to 4."
    assert (await say(stage, "3", menu))[1] == "Job #3 is paused."
    menu, text = await say(stage, "/prio low")
    assert text.split("\n")[1:] == [names[0], *(name.replace("waiting", "paused") for name in names[1:])]
    assert (await say(stage, "1–2", menu))[1] == "Job #1 has low priority.\nJob #2 has low priority."
    menu, _ = await say(stage, "/job")
    assert (await say(stage, "2", menu))[1].startswith("… #2 paused")
    menu, _ = await say(stage, "/cancel")
    assert (await say(stage, "1-4", menu))[1].split("\n")[0] == "Job #1 is cancelled."
    menu, text = await say(stage, "/retry")
    assert text == "\n".join([ASKED, *(name.replace("waiting", "cancelled") for name in names)])
    assert await stage.app.jobs.live() == []
    offered = await Menus(stage.app.store).get(stage.owner.user_id, menu)
    assert offered is not None
    await Menus(stage.app.store).put(stage.owner.user_id, menu, replace(offered, at=time.time() - OPEN_FOR - 5))
    at = clock(time.time() - OPEN_FOR - 5, time.time())
    assert (await say(stage, "1", menu))[1] == f"This menu is from {at} and has expired; write /retry again."


async def test_only_a_reply_to_a_menu_is_an_answer(stage: Stage) -> None:
    await add(stage, 2, 1)
    note = await stage.owner.send(0, "2 and 3")
    menu, _ = await say(stage, "/cancel")
    for text, place in (("1", note), ("1", None), ("1", menu + 1), ("one", menu), ("#1", menu), ("1.", menu)):
        await stage.owner.send(0, text, reply_to=place)
    _, answer = await say(stage, "1", menu)
    assert answer == "Job #1 is cancelled."
    assert [message.text for message in await stage.owner.history(0)][2:-1] == ["1", "1", "1", "one", "#1", "1."]
    assert [job.state for job in await stage.app.jobs.recent(5)] == [JobState.WAITING, JobState.CANCELLED]


async def test_a_menu_has_so_many_choices_and_says_what_more_there_is(stage: Stage) -> None:
    await add(stage, MOST + 5, 1)
    menu, text = await say(stage, "/cancel")
    assert len(text.split("\n")) == MOST + 2
    assert text.split("\n")[-1] == "… and 5 more. Those are named by their job numbers, for instance /cancel 25"
    assert (await say(stage, f"{MOST + 1}", menu))[1] == f"“{MOST + 1}” is not offered here; choose from 1 to {MOST}."


async def test_a_menu_whose_message_is_gone_stands_in_a_new_one(stage: Stage) -> None:
    await add(stage, 2, 1)
    app, gone = stage.app, await stage.owner.send(0, "a note")
    await stage.owner.delete(0, gone)
    menu = Menu(ASKED, (Choice("one", "1"), Choice("two", "2")), "cancel {}")
    await app.router._answer(Incoming(app.account.user_id, gone, "/cancel"), menu, in_place=True)
    [shown] = await stage.owner.history(0)
    assert shown.text == f"{ASKED}\n1. one\n2. two"
    assert (await say(stage, "2", shown.id))[1] == "Job #2 is cancelled."


async def test_queued_jobs_are_moved_in_their_order(stage: Stage) -> None:
    room = stage.app.config.slots.fetch
    slow = [stage.media.link(f"slow/clip.mp4?rate=2000&number={number}") for number in range(room + 4)]
    await stage.owner.send(0, "/dl " + " ".join(slow))
    async with asyncio.timeout(60):
        while len(await stage.app.jobs.numbers(JobState.RUNNING)) < room:
            await asyncio.sleep(0.02)
    menu, _ = await say(stage, "/move top")
    await say(stage, "3,4", menu)
    assert await stage.app.jobs.numbers(JobState.QUEUED) == [room + 3, room + 4, room + 1, room + 2]
    await say(stage, "/cancel all")


async def test_in_a_channel_too(stage: Stage) -> None:
    films = await stage.channel("Films")
    await add(stage, 2, 1)
    menu, text = await say(stage, "/cancel", chat=films)
    assert text.startswith(ASKED)
    assert (await say(stage, "2", menu, chat=films))[1] == "Job #2 is cancelled."


async def test_a_script_answers_by_a_reply(stage: Stage) -> None:
    await send(stage, "/dl sample:dead", "/dl sample:empty.mp4")
    await play(stage, [Line("/retry"), Line("1", reply_to="last")])
    assert [message.text for message in await stage.owner.history(0)][-1] == "Job #1 is queued."


async def test_a_menu_outlives_a_restart(
    config: Config, tmp_path: Path, samples: Samples, samples_folder: Path
) -> None:
    async with open_stage(config, tmp_path, samples_folder) as stage:
        await add(stage, 2, 1)
        menu, _ = await say(stage, "/cancel")
    async with open_stage(config, tmp_path, samples_folder) as stage:
        assert (await say(stage, "2", menu))[1] == "Job #2 is cancelled."
