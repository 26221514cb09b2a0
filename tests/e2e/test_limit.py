"""/limit, from the owner's words to the bytes: what it says, and that it holds for whole jobs."""

import asyncio

import pytest

from medusa.demo.lines import Line
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.telegram.parts import PART_SIZE
from medusa.telegram.phone import Message
from medusa.throttle import BURST_SECONDS

NONE = "Down: no limit.\nUp: no limit."
TODAY = "\nToday: 0 B fetched, 0 B uploaded."
WRONG = "Which way, and how many bytes a second? For instance: /limit down 2M, /limit up off, or /limit off"
ANSWERS = [
    ("/limit", NONE + TODAY),
    ("/limit down 2M", "Down: 2 MB/s (16.0 Mbit/s).\nUp: no limit." + TODAY),
    ("/limit UP 1.5 MB", "Down: 2 MB/s (16.0 Mbit/s).\nUp: 1.5 MB/s (12.0 Mbit/s)." + TODAY),
    ("/limit down off", "Down: no limit.\nUp: 1.5 MB/s (12.0 Mbit/s)." + TODAY),
    ("/set limit-up 500k", "limit-up is now 500 kB/s."),
    ("/speed", "Down: no limit.\nUp: 500 kB/s (4.0 Mbit/s)." + TODAY),
    ("/unset limit-up", "limit-up is off again."),
    ("/limit off", NONE + TODAY),
    ("/limit 2M", WRONG),
    ("/limit down", WRONG),
    ("/limit off down", WRONG),
    ("/limit sideways 2M", WRONG),
    (
        "/limit up fast",
        "“fast” does not fit limit-up: it takes bytes a second from 10K to 10G, such as 500K or 1.5M, or off.",
    ),
    ("/limit", NONE + TODAY),
    ("/set budget-down 20 GB", "budget-down is now 20 GB."),
    ("/limit", NONE + "\nToday: 0 B of 20.0 GB fetched, 0 B uploaded."),
]


async def send(stage: Stage, *texts: str) -> list[Message]:
    async with asyncio.timeout(60):
        await play(stage, [Line(text=text) for text in texts])
    return await stage.owner.history(stage.owner.user_id)


async def test_what_limit_answers(stage: Stage) -> None:
    messages = await send(stage, *(text for text, _ in ANSWERS))
    assert [message.text.removeprefix("✗ ") for message in messages] == [answer for _, answer in ANSWERS]


@pytest.mark.parametrize("direction", ["down", "up"])
async def test_a_job_stays_below_the_limit(stage: Stage, direction: str) -> None:
    """What has gone up was fetched before, so that both limits show in it."""
    rate = 6_000_000
    await send(stage, f"/limit {direction} 6M")
    loop = asyncio.get_running_loop()
    begin = loop.time()
    job = asyncio.create_task(send(stage, "/dl sample:archive.bin"))
    while not job.done():
        payload = stage.telegram.payload
        assert payload <= rate * (loop.time() - begin) + max(rate * BURST_SECONDS, PART_SIZE) + 2
        await asyncio.sleep(0.02)
    [posted] = [message for message in await job if message.file]
    assert posted.file is not None
    assert stage.telegram.payload == posted.file.size
