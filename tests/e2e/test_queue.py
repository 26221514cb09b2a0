"""The queue in the owner's hands: order, pause, resume, retry and schedule, from the words to the posts."""

import asyncio
import time
from pathlib import Path

from medusa.config import Config
from medusa.demo.samples import Samples
from medusa.demo.stage import Stage as Scene
from medusa.model import JobState, Order, Stage
from medusa.telegram.parts import PART_SIZE
from tests.e2e.kit import send
from tests.e2e.test_streams import H264, SIZE, Origin, World, data, made, world

LONG, SHOWN = "x" * 3900, "x" * 79 + "…"
ANSWERS = [
    ("/queue", "The queue is empty."),
    ("/q 2", "There is no page 2; the queue has 1."),
    ("/queue x", "“x” is no page; pages are numbered from 1."),
    ("/queue 0", "“0” is no page; pages are numbered from 1."),
    ("/pause", "There is nothing to pause."),
    ("/pause all", "There is nothing to pause."),
    ("/pause 99", "There is no job #99."),
    ("/pause 1-1000000", "“1-1000000” names too many jobs at once; name at most 10000."),
    ("/resume all", "There is nothing to resume."),
    ("/resume 1 5-9", "6 of these numbers belong to no paused job."),
    ("/resume 9-5", "“9-5” runs backwards; write 5-9."),
    ("/retry failed", "There is nothing to retry."),
    ("/retry", "There is nothing to retry."),
    ("/retry 1,2", "2 of these numbers belong to no job that failed, was cancelled or waits."),
    ("/move 3", "Which job, and where to? For instance: /move 3 top (or up, down, bottom)"),
    ("/move top", "No job is queued."),
    ("/move , top", "“,” is no job number. Numbers look like 3, 1,4 or 2-5."),
    ('/cancel ""', "“” is no job number. Numbers look like 3, 1,4 or 2-5."),
    ("/prio low", "There is no job under way."),
    ("/job", "There is no job yet."),
    ("/job 1,2", "There is no job with these numbers."),
    ("/move 3 top", "There is no job #3."),
    ("/move 3-5 top", "None of these jobs is queued; only queued jobs have a place to move from."),
    ("/prio 3", "Which job, and how soon? For instance: /prio 3 high"),
    ("/prio 3 urgent", "“urgent” is no priority; it is high, normal or low."),
    ("/prio 3 low", "There is no job #3."),
    ("/dl a.example/b --at soon", "“soon” is no time. Write 18:30, 2026-12-01 07:00, or +2h (d, h, m)."),
    ("/dl a.example/b --at 2020-01-01 07:00", "2020-01-01 07:00 has passed already."),
    ("/dl a.example/b --prio urgent", "“urgent” is no priority; it is high, normal or low."),
    (f"/queue {LONG}", f"“{SHOWN}” is no page; pages are numbered from 1."),
    (f"/pause {LONG}", f"“{SHOWN}” is no job number. Numbers look like 3, 1,4 or 2-5."),
    (f"/prio 3 {LONG}", f"“{SHOWN}” is no priority; it is high, normal or low."),
    (f"/dl {LONG}", f"“{SHOWN}” is no link. A link starts with http:// or https://."),
    (f"/dl a.example -q {LONG}", f"\u2060-q takes best, audio, ask, or a height such as 720, not “{SHOWN}”."),
    (f"/dl a.example --at {LONG}", f"“{SHOWN}” is no time. Write 18:30, 2026-12-01 07:00, or +2h (d, h, m)."),
    (f"/dl --{LONG}", f"There is no option --{SHOWN[2:]} here."),
    (f"/set quality {LONG}", f"“{SHOWN}” does not fit quality: it takes best, audio, or a height such as 720."),
    (f"/unset {LONG}", f"There is no setting “{SHOWN}”. See them all: /settings"),
    (f"/find {LONG}", f"Nothing that was posted has “{SHOWN}” in it."),
    (f"/history {LONG}", f"To look for something: /find {SHOWN}"),
    (f"/help {LONG}", f"There is no command {SHOWN}. See /help."),
    ("/job \u202ex", "“x” is no job number. Numbers look like 3, 1,4 or 2-5."),
]


async def reaches(scene: Scene, number: int, state: JobState) -> None:
    async with asyncio.timeout(60):
        while not (job := await scene.app.jobs.get(number)) or job.state is not state:
            await asyncio.sleep(0.02)


async def test_what_the_commands_answer(stage: Scene) -> None:
    messages = await send(stage, *(text for text, _ in ANSWERS))
    assert [message.text for message in messages] == [answer for _, answer in ANSWERS]
    assert await stage.app.jobs.recent(1) == []


async def paused(here: World) -> None:
    await here.stage.owner.send(0, "/pause 1")
    await reaches(here.stage, 1, JobState.PAUSED)
    messages = await send(here.stage, "/queue", "/status")
    assert messages[-2].text.endswith("· paused")
    assert messages[-1].text == "Nothing is running here."


async def test_a_pause_in_mid_upload_keeps_the_parts(
    config: Config, tmp_path: Path, samples: Samples, samples_folder: Path
) -> None:
    async with world(Origin(data()), config, tmp_path, samples_folder) as here:
        telegram = here.stage.telegram
        await send(here.stage, "/limit up 3M")
        await here.stage.owner.send(0, f"/dl {here.url}/file.bin")
        async with asyncio.timeout(60):
            while telegram.payload < SIZE // 3:
                await asyncio.sleep(0.02)
        await paused(here)
        assert [file.name for file in (here.stage.app.config.work / "1").iterdir()] == ["upload.parts"]
        held = telegram.payload
        assert held < SIZE
        messages = await send(here.stage, "/limit off", "/resume 1")
        assert any(message.text.startswith("✓") for message in messages)
        assert here.whole
        # Only what was under way is sent again.
        assert telegram.payload - SIZE <= 4 * PART_SIZE < held


async def test_a_pause_in_mid_fetch_keeps_the_bytes(
    config: Config, tmp_path: Path, samples: Samples, samples_folder: Path
) -> None:
    film = made(tmp_path, "film.mp4", *H264)
    async with world(Origin(film, "video/mp4"), config, tmp_path, samples_folder) as here:
        await send(here.stage, "/limit down 500K")
        await here.stage.owner.send(0, f"/dl {here.url}/film.mp4")
        scheduler = here.stage.app.scheduler
        async with asyncio.timeout(60):
            while not any(live.job.stage is Stage.FETCH and live.progress.done > 500_000 for live in scheduler.live()):
                await asyncio.sleep(0.02)
        await paused(here)
        [part] = [file for file in (here.stage.app.config.work / "1").iterdir() if file.suffix == ".part"]
        size = part.stat().st_size
        assert 0 < size < len(film)
        here.origin.asked.clear()
        messages = await send(here.stage, "/limit off", "/resume all")
        assert any(message.text.startswith("✓") for message in messages)
        # Looked at again are the ends; what is fetched begins where it was broken off.
        assert f"{size}-" in here.origin.asked


def at_once(stage: Scene) -> int:
    """How many jobs fetch from one host at the same time."""
    return min(stage.app.config.slots.fetch, stage.app.scheduler.claims.per_host)


def slow_links(stage: Scene, count: int) -> str:
    """Links to different files that take long."""
    return " ".join(stage.media.link(f"slow/clip.mp4?rate=2000&file={number}") for number in range(count))


async def test_the_queue_runs_in_the_order_that_the_owner_gives_it(stage: Scene) -> None:
    room = at_once(stage)
    await stage.owner.send(0, "/dl " + slow_links(stage, room))
    await reaches(stage, room, JobState.RUNNING)
    low, first, high, last = range(room + 1, room + 5)
    link = stage.media.link("empty.mp4")
    for options in ("--prio low", "", "--prio high", ""):
        await stage.owner.send(0, f"/dl {link} {options}")
    await reaches(stage, last, JobState.QUEUED)
    queued = stage.app.jobs.numbers
    assert await queued(JobState.QUEUED) == [high, first, last, low]
    for command, line in (
        (f"/move {last} top", [last, high, first, low]),
        (f"/move {low},{first} up", [last, first, low, high]),
        (f"/move {last} {first} bottom", [low, high, last, first]),
        (f"/move {low}-{first} down", [high, low, last, first]),
        (f"/prio {low},{last} high", [high, low, last, first]),
        (f"/pause {high}", [low, last, first]),
    ):
        await stage.owner.send(0, command)
        async with asyncio.timeout(30):
            while await queued(JobState.QUEUED) != line:
                await asyncio.sleep(0.02)
    await stage.owner.send(0, "/queue")
    await stage.owner.send(0, "/cancel all")
    messages = await send(stage)
    shown = next(message.text for message in messages if message.text.startswith("Queue:"))
    assert shown.startswith(f"Queue: {room} running, 3 queued, 1 paused\n› #1 ")
    signs = [(line[0], int(line.split("#")[1].split()[0])) for line in shown.splitlines()[1:]]
    assert signs == [
        *(("›", number) for number in range(1, room + 1)),
        *(("·", number) for number in (low, last, first)),
        ("=", high),
    ]
    assert all(job.state is JobState.CANCELLED for job in await stage.app.jobs.recent(100))


async def test_the_live_message_counts_what_is_queued_and_names_what_waits(stage: Scene) -> None:
    room = at_once(stage)
    await stage.owner.send(0, f"/dl {slow_links(stage, 2)} --at +3h")
    await stage.owner.send(0, "/dl " + slow_links(stage, room + 3))
    await reaches(stage, room + 2, JobState.RUNNING)
    await stage.owner.send(0, f"/pause {room + 3}")
    await reaches(stage, room + 3, JobState.PAUSED)
    place = await stage.owner.send(0, "/status")
    async with asyncio.timeout(30):
        while True:
            [text] = [one.text for one in await stage.owner.history(0) if one.id == place]
            if "queued" in text:
                break
            await asyncio.sleep(0.1)
    assert text.count("fetching") + text.count("looking at the link") == room
    assert text.count("Scheduled for") == 2
    assert text.endswith("2 queued")
    messages = await send(stage, "/cancel all")
    assert "All done here." in [message.text for message in messages]


async def test_what_is_scheduled_waits_and_says_so(stage: Scene) -> None:
    clip = stage.media.link("clip.mp4")
    day = time.strftime("%Y-%m-%d", time.localtime(time.time() + 3 * 86400))
    await stage.owner.send(0, f"/dl {clip} --at +2h --silent")
    await stage.owner.send(0, f"/dl {clip} --at {day} 07:00")
    await reaches(stage, 2, JobState.WAITING)
    await stage.owner.send(0, "/queue")
    await stage.owner.send(0, "/resume 1")
    await stage.owner.send(0, "/cancel 1-2")
    messages = await send(stage, "/retry 1")
    texts = [message.text for message in messages]
    shown = next(text for text in texts if text.startswith("Queue: 2 waiting"))
    assert "Scheduled for " in shown
    assert f"Scheduled for {day} 07:00 · in 2 d" in shown or f"Scheduled for {day} 07:00 · in 3 d" in shown
    assert "Job #1 is not paused: it is waiting." in texts
    assert "Job #1 is cancelled.\nJob #2 is cancelled." in texts
    assert texts[0].startswith("✓ #1")
    assert texts[1].startswith("– #2 cancelled")


async def test_what_failed_is_tried_again(stage: Scene) -> None:
    dead = stage.media.link("dead")
    await send(stage, f"/dl {dead}", f"/dl {dead}", "/retry failed", "/retry 1")
    messages = await send(stage, "/job 1,2")
    assert [job.state for job in await stage.app.jobs.recent(9)] == [JobState.FAILED] * 2
    texts = [message.text for message in messages]
    assert sum(text.startswith("✗") for text in texts) == 3
    assert any("is queued" in text or "has not ended" in text for text in texts[2:4])


async def test_what_failed_while_it_was_posted_is_posted_once_and_uploaded_once(stage: Scene) -> None:
    stage.telegram.faults.fail("messages.sendMedia", "CHANNEL_INVALID", times=1)
    await send(stage, f"/dl {stage.media.link('archive.bin')}")
    [job] = await stage.app.jobs.recent(1)
    assert (job.state, job.stage) == (JobState.FAILED, Stage.POST)
    sent = stage.telegram.payload
    messages = await send(stage, "/retry 1")
    assert messages[0].text.startswith("✓ #1")
    assert len([message for message in messages if message.file]) == 1
    assert stage.telegram.payload == sent


async def test_a_long_queue_has_pages(stage: Scene) -> None:
    orders = [Order(f"https://a.example/?a&n={number}") for number in range(1, 46)]
    await stage.app.jobs.add(orders, 5, 5, time.time(), not_before=time.time() + 9e6, reason="Later.")
    await stage.owner.send(0, "/queue 2")
    await stage.owner.send(0, "/queue 3")
    await stage.owner.send(0, "/queue 4")
    await stage.owner.send(0, "/job 44-46")
    await stage.owner.send(0, "/pause 1-20 30")
    await stage.owner.send(0, "/cancel 1-1000")
    texts = [message.text for message in await send(stage)]
    assert [line.split()[1] for line in texts[0].splitlines()[1:-1]] == [f"#{number}" for number in range(21, 41)]
    assert texts[0].splitlines()[-1] == "Page 2 of 3. More: /queue 3"
    assert texts[1].splitlines()[-1] == "Page 3 of 3."
    assert texts[2] == "There is no page 4; the queue has 3."
    assert texts[3].count("https://a.example/?a&n=44") == 1
    assert texts[3].splitlines()[-1] == "1 of these numbers belongs to no job."
    assert texts[4].splitlines()[-1] == "Job #30 is paused."
    assert texts[5].splitlines()[-2:] == ["… and so on: 45 jobs.", "955 of these numbers belong to no job under way."]
