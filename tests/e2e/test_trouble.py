"""Troubles of chats and of requests, each provoked by the embedded Telegram, each with what Medusa does about it.

| failure | its test |
|---|---|
| FLOOD_WAIT of up to a minute | test_a_short_flood_wait_holds_up_its_request_only |
| FLOOD_WAIT of more | test_a_long_flood_wait_puts_the_job_off_and_the_queue_goes_on |
| FLOOD_PREMIUM_WAIT | test_a_premium_flood_wait_costs_no_part |
| MESSAGE_NOT_MODIFIED | test_a_message_that_already_reads_so_is_let_be |
| MESSAGE_ID_INVALID on the progress message | test_a_deleted_progress_message_stays_away_and_the_job_goes_on |
| CHAT_WRITE_FORBIDDEN, slow mode, CHANNEL_PRIVATE | test_a_chat_that_takes_no_posts_keeps_only_its_own_jobs_waiting |
| MEDIA_EMPTY | test_a_file_that_telegram_finds_empty_is_uploaded_once_more |
| upload stuck near 100 % | test_an_upload_that_hangs_at_its_end_gets_another_connection |

The account's, the connection's and the clock's are in test_trouble_session.py.
"""

import asyncio
import functools
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import utils

from medusa import notices, status
from medusa.demo.samples import Samples
from medusa.demo.stage import Stage
from medusa.loopback.faults import Fault
from medusa.model import Job, JobState
from medusa.telegram import client
from medusa.telegram.lanes import Lanes
from medusa.telegram.parts import PART_SIZE
from tests.e2e.kit import post, send, stored

WITHIN = 60.0


async def reaches(stage: Stage, number: int, state: JobState) -> Job:
    """The job of this number, once it is in this state."""
    async with asyncio.timeout(WITHIN):
        while not (job := await stage.app.jobs.get(number)) or job.state is not state:
            await asyncio.sleep(0.02)
    return job


async def due(stage: Stage, number: int) -> None:
    """Have a waiting job try at once."""
    await reaches(stage, number, JobState.WAITING)
    await stage.app.scheduler.retry(number)


async def text_of(stage: Stage, message_id: int) -> str:
    """What a message in Saved Messages reads."""
    message = await stage.owner.message(stage.owner.user_id, message_id)
    assert message is not None
    return message.text


def parts_of(samples: Samples, name: str) -> int:
    return -(-samples.path(name).stat().st_size // PART_SIZE)


async def test_a_short_flood_wait_holds_up_its_request_only(stage: Stage) -> None:
    calls = stage.telegram.calls
    flood = stage.telegram.faults.fail("messages.sendMedia", "FLOOD_WAIT_3")
    command = await stage.owner.send(0, f"/dl {stage.media.link('notes.pdf')}")
    async with asyncio.timeout(WITHIN):
        while not flood.hits:
            await asyncio.sleep(0.02)
        asked = await stage.owner.send(0, "/version")
        while not (await text_of(stage, asked)).startswith("Medusa"):
            await asyncio.sleep(0.02)
    assert calls["messages.sendMedia"] == 1
    job = await reaches(stage, 1, JobState.DONE)
    await stage.app.idle()
    assert (await text_of(stage, command)).startswith("✓")
    assert (calls["messages.sendMedia"], calls["messages.uploadMedia"], job.attempts) == (2, 1, 0)


async def test_a_long_flood_wait_puts_the_job_off_and_the_queue_goes_on(stage: Stage) -> None:
    flood = stage.telegram.faults.fail("upload.save*Part", "FLOOD_WAIT_3600", times=None)
    command = await stage.owner.send(0, f"/dl {stage.media.link('notes.pdf')}")
    job = await reaches(stage, 1, JobState.WAITING)
    flood.stop()
    assert job.reason == "Telegram asks to wait 1 h 0 min."
    assert 3590 < job.not_before - time.time() < 3600 * 1.2 + 1
    await stage.owner.send(0, f"/dl {stage.media.link('song.mp3')}")
    await reaches(stage, 2, JobState.DONE)
    assert job.reason in await text_of(stage, command)
    await due(stage, 1)
    await reaches(stage, 1, JobState.DONE)
    await stage.app.idle()
    assert (await text_of(stage, command)).startswith("✓")


async def test_a_premium_flood_wait_costs_no_part(stage: Stage, samples: Samples) -> None:
    flood = stage.telegram.faults.fail("upload.save*Part", "FLOOD_PREMIUM_WAIT_1", times=2)
    post(await send(stage, "/dl sample:archive.bin"))
    assert flood.hits == 2
    assert stage.telegram.payload == samples.path("archive.bin").stat().st_size
    assert (await reaches(stage, 1, JobState.DONE)).attempts == 0


async def test_a_message_that_already_reads_so_is_let_be(stage: Stage) -> None:
    same = stage.telegram.faults.fail("messages.editMessage", "MESSAGE_NOT_MODIFIED", times=None)
    post(await send(stage, "/dl sample:notes.pdf"))
    assert same.hits
    assert stage.app.status._flooded_at < 0
    assert (await reaches(stage, 1, JobState.DONE)).told


@pytest.fixture
async def lively(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> AsyncIterator[Stage]:
    """A stage whose live messages appear and change sooner than Telegram would like."""
    monkeypatch.setattr(status, "PRIVATE_PAUSE", 0.1)
    monkeypatch.setattr(status, "PATIENCE", 0.2)
    monkeypatch.setattr(notices, "WINDOW", 0.1)
    stage.app.status._edits.max_rate = 1000
    yield stage


async def test_a_deleted_progress_message_stays_away_and_the_job_goes_on(lively: Stage) -> None:
    command = await lively.owner.send(0, f"/dl {lively.media.link('slow/clip.mp4?rate=150000')}")

    async def live() -> list[int]:
        return [m.id for m in await lively.owner.history(lively.owner.user_id) if m.id != command and not m.file]

    async with asyncio.timeout(WITHIN):
        while not (shown := await live()):
            await asyncio.sleep(0.05)
    [board] = shown
    edits = lively.telegram.calls["messages.editMessage"]
    await lively.owner.delete(0, board)
    async with asyncio.timeout(WITHIN):
        while not lively.app.status._boards[lively.owner.user_id].gone:
            await asyncio.sleep(0.05)
    assert lively.telegram.calls["messages.editMessage"] > edits
    edits = lively.telegram.calls["messages.editMessage"]
    await asyncio.sleep(1.5)
    assert await live() == []
    assert lively.telegram.calls["messages.editMessage"] == edits
    assert (await lively.app.jobs.recent(1))[0].state is JobState.RUNNING
    lively.telegram.faults.clear()
    await lively.owner.send(0, "/cancel 1")
    await reaches(lively, 1, JobState.CANCELLED)


async def test_a_live_message_goes_though_its_deletion_was_not_answered_at_first(
    lively: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CALL_WITHIN", 1.0)
    lost = lively.telegram.faults.hang("messages.deleteMessages")
    command = await lively.owner.send(0, f"/dl {lively.media.link('slow/clip.mp4?rate=150000')}")
    async with asyncio.timeout(WITHIN):
        while len(await lively.owner.history(0)) < 2:
            await asyncio.sleep(0.05)
        await lively.app.scheduler.cancel(1)
        await lively.app.idle()
    assert lost.hits == 1
    assert [message.id for message in await lively.owner.history(0)] == [command]


def in_chat(chat_id: int, request: Any) -> bool:
    """Whether a request is about this channel."""
    return utils.get_peer_id(request.peer) == chat_id if hasattr(request.peer, "channel_id") else False


NOT_TODAY = {
    "CHAT_WRITE_FORBIDDEN": "may not write in that chat",
    "CHANNEL_PRIVATE": "private, gone, or has shut this account out",
    "CHAT_ADMIN_REQUIRED": "no right to post in that chat",
    "CHAT_SEND_MEDIA_FORBIDDEN": "does not allow such files",
    "CHAT_SEND_DOCS_FORBIDDEN": "does not allow such files",
    "USER_BANNED_IN_CHANNEL": "banned from writing",
    "SLOWMODE_WAIT_900": "slow mode; its next post may go out in 15 min 0 s",
}


async def test_a_chat_that_takes_no_posts_keeps_only_its_own_jobs_waiting(lively: Stage) -> None:
    telegram = lively.telegram
    faults: list[Fault] = []
    chats = [await lively.channel(error) for error in NOT_TODAY]
    for number, (chat, error) in enumerate(zip(chats, NOT_TODAY, strict=True), 1):
        faults += [
            telegram.faults.fail(f"messages.{method}", error, times=None, when=functools.partial(in_chat, chat))
            for method in ("sendMedia", "editMessage")
        ]
        await lively.owner.send(chat, f"/dl {lively.media.link('notes.pdf')}?{number}")
        job = await reaches(lively, number, JobState.WAITING)
        after = 900 if error.startswith("SLOW") else 3600
        assert after - 10 < job.not_before - time.time() < after * 1.2 + 1, error
        assert NOT_TODAY[error] in job.reason
        assert error.startswith("SLOW") or job.reason.endswith("The file is kept; /retry N tries at once.")
    async with asyncio.timeout(WITHIN):
        while not any("#1 notes.pdf waits until" in one.text for one in await lively.owner.history(0)):
            await asyncio.sleep(0.05)
    # The chats that say no keep nobody else from hearing how things stand.
    await lively.owner.send(0, f"/dl {lively.media.link('song.mp3')}")
    done = await reaches(lively, len(chats) + 1, JobState.DONE)
    async with asyncio.timeout(WITHIN):
        while not (await lively.app.jobs.get(done.id) or done).told:
            await asyncio.sleep(0.05)
    uploaded = telegram.calls["messages.uploadMedia"]
    for fault in faults:
        assert fault.hits or fault.method == "messages.editMessage"
        fault.stop()
    await due(lively, 1)
    await reaches(lively, 1, JobState.DONE)
    assert telegram.calls["messages.uploadMedia"] == uploaded


@pytest.mark.parametrize("where", ["messages.uploadMedia", "messages.sendMedia"])
async def test_a_file_that_telegram_finds_empty_is_uploaded_once_more(
    stage: Stage, samples: Samples, where: str
) -> None:
    telegram, size = stage.telegram, samples.path("notes.pdf").stat().st_size
    telegram.faults.fail(where, "MEDIA_EMPTY")
    post(await send(stage, "/dl sample:notes.pdf"))
    assert telegram.payload == 2 * size
    refused = telegram.faults.fail(where, "MEDIA_EMPTY", times=None)
    before = telegram.payload
    messages = await send(stage, "/dl sample:song.mp3")
    assert refused.hits == 2
    assert telegram.payload - before >= 2 * samples.path("song.mp3").stat().st_size
    assert any("Telegram does not take the file, though it was uploaded anew." in one.text for one in messages)
    assert (await reaches(stage, 2, JobState.FAILED)).post_id is None


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transfers that take a silent connection for dead sooner."""
    assert Lanes.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(Lanes.__init__.__kwdefaults__, "stuck_after", 0.5)


async def test_an_upload_that_hangs_at_its_end_gets_another_connection(
    impatient: None, stage: Stage, samples: Samples
) -> None:
    last = parts_of(samples, "archive.bin") - 1
    stuck = stage.telegram.faults.hang("upload.save*Part", times=2, when=lambda request: request.file_part == last)
    post(await send(stage, "/dl sample:archive.bin"))
    assert stuck.hits == 2
    whole = samples.path("archive.bin").read_bytes()
    assert stored(stage).read() == whole
    assert stage.telegram.payload < len(whole) + 12 * PART_SIZE
    assert (await reaches(stage, 1, JobState.DONE)).attempts == 0
