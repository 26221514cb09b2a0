"""Quiet hours and the bytes of a day, as the owner meets them: jobs wait, say why, and go on where they stood."""

import asyncio
import time

from medusa.demo.stage import Stage
from medusa.model import Job, JobState
from tests.e2e.kit import send
from tests.e2e.test_trouble import text_of


async def waiting(stage: Stage, number: int) -> Job:
    """The job, once it waits."""
    async with asyncio.timeout(60):
        while (job := await stage.app.jobs.get(number)) is None or job.state is not JobState.WAITING:
            await asyncio.sleep(0.02)
    return job


async def test_in_quiet_hours_everything_waits_and_then_goes_on(stage: Stage) -> None:
    slow = stage.media.link("slow/archive.bin?rate=2000000")
    await stage.owner.send(0, f"/dl {slow}")
    scheduler = stage.app.scheduler
    async with asyncio.timeout(60):
        while not any(live.progress.done > 2_000_000 for live in scheduler.live()):
            await asyncio.sleep(0.02)
    begin = time.strftime("%H:%M", time.localtime(time.time() - 60))
    end = time.strftime("%H:%M", time.localtime(time.time() + 3600))
    await stage.owner.send(0, f"/set quiet-hours {begin}-{end}")
    assert (await waiting(stage, 1)).reason == f"Quiet hours until {end}."
    await stage.owner.send(0, "/dl " + stage.media.link("song.mp3"))
    assert (await waiting(stage, 2)).reason == f"Quiet hours until {end}."
    again = await stage.owner.send(0, "/retry 2")
    async with asyncio.timeout(60):
        while (await text_of(stage, again)).startswith("/"):
            await asyncio.sleep(0.02)
    assert await text_of(stage, again) == f"Job #2 is waiting: Quiet hours until {end}."
    sent = stage.telegram.payload
    messages = await send(stage, "/set quiet-hours off")
    assert [message.text[:4] for message in messages if message.text[2:3] == "#"] == ["✓ #1", "✓ #2"]
    assert len([message for message in messages if message.file]) == 2
    # The parts that had been confirmed were not sent again.
    assert stage.telegram.payload - sent < sum(message.file.size for message in messages if message.file)


async def test_once_the_bytes_of_a_day_are_used_up_jobs_wait_until_there_are_more(stage: Stage) -> None:
    await send(stage, "/set budget-down 1M", "/set quality best")
    await stage.owner.send(0, "/dl " + stage.media.link("slow/archive.bin?rate=4000000"))
    job = await waiting(stage, 1)
    assert job.reason == "Today's 1.0 MB to be fetched are used up."
    assert time.strftime("%H:%M", time.localtime(job.not_before)) == "00:00"
    messages = await send(stage, "/set budget-down off", "/limit")
    assert len([message for message in messages if message.file]) == 1
    assert any(message.text.startswith("✓ #1") for message in messages)
