"""What goes wrong ends in one clear line to the owner, with the work folder gone and the process alive."""

import asyncio
from dataclasses import replace

import pytest

from medusa.demo.mediaserver import HOSTILE_NAMES
from medusa.demo.stage import Stage
from medusa.telegram.messages import units
from medusa.telegram.parts import PART_SIZE
from tests.e2e.kit import send


async def assert_well(stage: Stage) -> None:
    """The work folder is empty and the next command is obeyed."""
    assert not list(stage.app.config.work.iterdir())
    assert "Telethon" in (await send(stage, "/version"))[-1].text


async def refused(stage: Stage, command: str) -> str:
    """Send a command that must fail; returns the owner's line about it."""
    messages = await send(stage, command)
    assert not [message for message in messages if message.file]
    [told] = [message.text for message in messages if message.text.startswith("✗")]
    assert "Traceback" not in told
    assert len(told.splitlines()) <= 3
    await assert_well(stage)
    return told


DEAD_ENDS = [
    ("sample:dead", "dead"),
    ("sample:empty.mp4", "empty"),
    ("sample:page", "page"),
    ("sample:huge", "too big"),
    ("http://127.0.0.1:9/x.mp4", "private"),
    ("http://[::1]/x.mp4", "private"),
    ("http://169.254.169.254/latest/meta-data", "private"),
    ("http://localhost/x", "private"),
    ("http://10.0.0.1/x.m3u8", "private"),
    ("sample:redirect?to=http://127.0.0.1:9/x", "private"),
]


async def test_a_link_that_cannot_be_fetched(stage: Stage) -> None:
    messages = await send(stage, *(f"/dl {link}" for link, _ in DEAD_ENDS))
    assert len(messages) == len(DEAD_ENDS)
    for message, (link, words) in zip(messages, DEAD_ENDS, strict=True):
        assert message.text.startswith("✗"), link
        assert words in message.text, link
        assert "Traceback" not in message.text
        assert len(message.text.splitlines()) <= 3
    await assert_well(stage)


async def test_hostile_names_become_harmless(stage: Stage) -> None:
    messages = await send(stage, *(f"/dl sample:name/{name}" for name in sorted(HOSTILE_NAMES)))
    posted = [message.file for message in messages if message.file]
    assert len(posted) == len(HOSTILE_NAMES)
    for file in posted:
        assert len(file.name.encode()) <= 255
        assert file.name.endswith(".mp4")
        assert not set(file.name) & set("/\\\u202e\u200b\t\x7f\n")
        assert not file.name.startswith(".")
    for message in messages:
        assert not set(message.text) & set("\u202e\x7f")
    await assert_well(stage)


async def test_a_long_caption_goes_on_in_a_reply(stage: Stage) -> None:
    caption = "😀wörter " * 440
    messages = await send(stage, f'/dl sample:notes.pdf -c "{caption}"')
    [posted] = [message for message in messages if message.file]
    assert units(posted.text) <= 1024
    assert posted.text.endswith("…")
    [rest] = [message for message in messages if message.reply_to == posted.id]
    assert rest.text.strip() == caption.strip()


async def test_a_caption_that_reads_like_a_command_is_not_obeyed(stage: Stage) -> None:
    messages = await send(stage, '/dl sample:notes.pdf -c "/cancel all"')
    [posted] = [message for message in messages if message.file]
    assert posted.text.endswith("/cancel all")
    await stage.owner.send(0, posted.text)
    assert "Telethon" in (await send(stage, "/version"))[-1].text


async def test_a_truncated_video_is_posted_as_it_is_or_refused_in_words(stage: Stage) -> None:
    messages = await send(stage, "/dl sample:truncated.mp4")
    assert messages[0].text[0] in "✓✗"
    await assert_well(stage)


async def test_a_file_over_the_limit_of_what_is_fetched(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = stage.app.pipeline
    monkeypatch.setattr(pipeline, "tools", replace(pipeline.tools, max_bytes=4 * PART_SIZE))
    assert "too big" in await refused(stage, "/dl sample:archive.bin")


async def test_without_ffmpeg_a_video_is_posted_as_a_file(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = stage.app.pipeline
    monkeypatch.setattr(pipeline, "tools", replace(pipeline.tools, ffmpeg=None))
    messages = await send(stage, "/dl sample:clip.mp4")
    [posted] = [message for message in messages if message.file]
    assert posted.file is not None
    assert posted.file.name == "clip.mp4"
    await assert_well(stage)


async def test_the_owner_deletes_the_live_message(stage: Stage) -> None:
    link = stage.media.link("slow/clip.mp4?rate=150000")
    command = await stage.owner.send(0, f"/dl {link}")
    async with asyncio.timeout(60):
        while not (live := [m for m in await stage.owner.history(0) if "fetching" in m.text and m.id != command]):
            await asyncio.sleep(0.1)
        await stage.owner.delete(0, live[0].id)
    messages = await send(stage)
    assert [message for message in messages if message.file]
    assert not [message for message in messages if "fetching" in message.text]
    await assert_well(stage)


async def test_progress_is_shown_live_and_taken_away_at_the_end(stage: Stage) -> None:
    texts: set[str] = set()

    async def watch() -> None:
        with stage.owner.changes() as changes:
            async for change in changes:
                if change.message and "fetching" in change.message.text:
                    texts.add(change.message.text)

    watcher = asyncio.create_task(watch())
    messages = await send(stage, f"/dl {stage.media.link('slow/clip.mp4?rate=90000')}")
    watcher.cancel()
    await asyncio.wait({watcher})
    assert len(texts) >= 2
    assert any("%" in text and "/s" in text and "left" in text for text in texts)
    assert [message.text[0] for message in messages] == ["✓", "c"]


async def test_telegram_is_gone_in_mid_upload(stage: Stage) -> None:
    faults = stage.telegram.faults
    faults.delay("upload.saveBigFilePart", 0.2)
    await stage.owner.send(0, f"/dl {stage.media.link('archive.bin')}")
    async with asyncio.timeout(60):
        while stage.telegram.payload < 2 * PART_SIZE:
            await asyncio.sleep(0.02)
    faults.clear()
    faults.refuse_connections()
    faults.drop_connections()
    await asyncio.sleep(3)
    faults.refuse_connections(False)
    messages = await send(stage)
    assert len([message for message in messages if message.file]) == 1
    await assert_well(stage)


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("upload.saveBigFilePart", "FLOOD_WAIT_2"),
        ("upload.saveBigFilePart", "FLOOD_PREMIUM_WAIT_2"),
        ("upload.saveBigFilePart", "INTERNAL"),
        ("messages.uploadMedia", "FILE_PART_3_MISSING"),
        ("messages.sendMedia", "FILE_REFERENCE_EXPIRED"),
        ("messages.sendMedia", "FLOOD_WAIT_2"),
        ("messages.editMessage", "FLOOD_WAIT_2"),
    ],
)
async def test_what_telegram_throws_in_the_way_is_overcome(stage: Stage, method: str, error: str) -> None:
    fault = stage.telegram.faults.fail(method, error, code=500 if error == "INTERNAL" else None)
    messages = await send(stage, "/dl sample:archive.bin")
    assert fault.hits == 1
    assert len([message for message in messages if message.file]) == 1
    assert messages[0].text.startswith("✓")
    await assert_well(stage)


async def test_lost_parts_are_sent_again(stage: Stage) -> None:
    lost = asyncio.Event()

    def lose(request: object) -> bool:
        if not lost.is_set():
            lost.set()
            stage.telegram.faults.forget_parts(request.media.file.id, [0, 5])  # type: ignore[attr-defined]
        return False

    stage.telegram.faults.fail("messages.uploadMedia", "NEVER", when=lose)
    messages = await send(stage, "/dl sample:archive.bin")
    assert lost.is_set()
    assert messages[0].text.startswith("✓")


async def test_a_thumbnail_that_is_lost_does_not_cost_the_file_again(stage: Stage) -> None:
    lost = asyncio.Event()

    def lose(request: object) -> bool:
        if not lost.is_set():
            lost.set()
            stage.telegram.faults.forget_parts(request.media.thumb.id)  # type: ignore[attr-defined]
        return False

    stage.telegram.faults.fail("messages.uploadMedia", "NEVER", when=lose)
    messages = await send(stage, "/dl sample:streamable.mp4")
    assert lost.is_set()
    assert messages[0].text.startswith("✓")
    assert stage.telegram.calls["messages.uploadMedia"] <= 3


async def test_the_owner_hears_of_a_failure_though_the_command_message_is_gone(stage: Stage) -> None:
    command = await stage.owner.send(0, f"/dl {stage.media.link('slow/empty.mp4')} {stage.media.link('dead')}")
    await stage.owner.delete(0, command)
    messages = await send(stage)
    assert any(message.text.startswith("✗") and "404" in message.text for message in messages)


async def test_a_range_of_numbers_that_mean_nothing_is_answered_in_one_line(stage: Stage) -> None:
    [message] = await send(stage, "/cancel 1-9999")
    assert message.text == "9999 of these numbers belong to no job under way."


async def test_a_cancel_is_heard_while_telegram_does_not_answer_a_post(stage: Stage) -> None:
    hang = stage.telegram.faults.hang("messages.sendMedia")
    await stage.owner.send(0, f"/dl {stage.media.link('notes.pdf')}")
    async with asyncio.timeout(60):
        while not hang.hits:
            await asyncio.sleep(0.05)
    messages = await send(stage, "/cancel 1", seconds=30)
    assert messages[0].text.startswith("– #1 cancelled")
    await assert_well(stage)


@pytest.mark.parametrize("trouble", ["transport error 429", "cut"])
async def test_a_lost_connection_is_made_again_and_commands_are_heard(
    stage: Stage, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trouble == "cut":
        stage.telegram.faults.drop_connections()
    else:
        stage.telegram.faults.transport_error(429, times=1)
        await asyncio.gather(stage.app.account.client.get_me(), return_exceptions=True)
        assert not stage.app.account.client.is_connected()
    assert "Telethon" in (await send(stage, "/version"))[-1].text


async def test_a_post_that_was_cancelled_does_not_appear_when_the_connection_comes_back(stage: Stage) -> None:
    hang = stage.telegram.faults.hang("messages.sendMedia")
    going = asyncio.create_task(send(stage, "/dl sample:notes.pdf"))
    async with asyncio.timeout(30):
        while not hang.hits:
            await asyncio.sleep(0.02)
    await stage.owner.send(0, "/cancel 1")
    assert "cancelled" in (await going)[0].text
    stage.telegram.faults.drop_connections()
    assert "Telethon" in (await send(stage, "/version"))[-1].text
    await asyncio.sleep(1)
    assert not stage.telegram.files() or stage.telegram.calls["messages.sendMedia"] == 1
    assert not [message for message in stage.telegram.messages() if getattr(message, "media", None)]
