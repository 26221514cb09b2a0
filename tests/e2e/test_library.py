"""What was posted is not posted again, and is shown elsewhere without sending a byte."""

import asyncio
from collections.abc import Sequence

import pytest

from medusa.demo.lines import Line
from medusa.demo.samples import Samples
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.library import link_of
from medusa.storage.library import Post
from medusa.telegram.phone import Message
from tests.e2e.kit import post, send


async def say(stage: Stage, *lines: Line) -> None:
    async with asyncio.timeout(100):
        await play(stage, lines)


async def here(stage: Stage) -> list[Message]:
    return await stage.owner.history(stage.owner.user_id)


def files(messages: Sequence[Message]) -> list[Message]:
    return [message for message in messages if message.file]


async def kept(stage: Stage) -> list[Post]:
    return await stage.app.pipeline.library.posts.recent(100, 2**63 - 1)


async def test_the_same_link_again_leads_to_the_post(stage: Stage) -> None:
    await send(stage, "/dl sample:archive.bin")
    sent, calls = stage.telegram.payload, stage.telegram.calls["messages.sendMedia"]
    messages = await send(stage, "/dl sample:archive.bin?utm_source=elsewhere")
    assert "Already posted on 2" in messages[-2].text
    assert messages[-2].text.startswith("✓ #2 archive.bin")
    assert (messages[-1].text, messages[-1].reply_to) == ("Here is archive.bin.", post(messages).id)
    assert (stage.telegram.payload, stage.telegram.calls["messages.sendMedia"]) == (sent, calls)
    assert stage.telegram.calls["messages.getMessages"] == 1


async def test_in_a_channel_the_answer_is_a_link(stage: Stage) -> None:
    channel = await stage.channel("Films")
    line = Line("/dl sample:notes.pdf", chat="Films", wait="jobs")
    await say(stage, line, line)
    messages = await stage.owner.history(channel)
    wanted = f"Already posted: https://t.me/c/{-channel - 10**12}/{post(messages).id}"
    [answer] = [message for message in messages if message.text.startswith("✓")]
    assert wanted in answer.text
    assert [entity.kind for entity in answer.entities if entity.kind == "url"] == ["url"]


async def test_force_posts_it_again(stage: Stage) -> None:
    messages = await send(stage, "/dl sample:archive.bin")
    sent = stage.telegram.payload
    messages = await send(stage, "/dl sample:archive.bin --force")
    assert len(files(messages)) == 2
    assert stage.telegram.payload == 2 * sent


async def test_elsewhere_it_is_posted_with_one_request_and_no_bytes(stage: Stage, samples: Samples) -> None:
    await send(stage, "/dl sample:clip.mp4")
    channel = await stage.channel("Films")
    sent, calls = stage.telegram.payload, stage.telegram.calls.copy()
    before = len(stage.telegram.files())
    await say(stage, Line("/dl sample:clip.mp4", chat="Films"))
    made = stage.telegram.calls - calls
    [message] = files(await stage.owner.history(channel))
    original = post(await here(stage))
    assert (message.text, message.file) == (original.text, original.file)
    assert (stage.telegram.payload, len(stage.telegram.files())) == (sent, before)
    assert made["messages.sendMedia"] == 1
    assert not [name for name in made if name.startswith("upload.") or "getMessages" in name or "uploadMedia" in name]
    assert [(one.chat_id, one.size, one.title) for one in await kept(stage)] == [
        (channel, (await kept(stage))[1].size, "clip"),
        (stage.owner.user_id, (await kept(stage))[1].size, "clip"),
    ]


async def test_what_is_to_look_otherwise_is_posted_again_with_no_bytes(stage: Stage) -> None:
    await send(stage, "/dl sample:streamable.mp4")
    sent = stage.telegram.payload
    messages = await send(stage, '/dl sample:streamable.mp4 -c "Look" --spoiler')
    assert stage.telegram.payload == sent
    assert [message.text for message in files(messages)] == ["streamable", "Look"]
    assert [message.file.spoiler for message in messages if message.file] == [False, True]
    assert "Already posted" in (await send(stage, "/dl sample:streamable.mp4 -c Look --spoiler"))[-2].text


async def test_what_shapes_the_file_makes_it_another_one(stage: Stage) -> None:
    await send(stage, "/dl sample:streamable.mp4")
    messages = await send(stage, "/dl sample:streamable.mp4 --doc", "/dl sample:streamable.mp4 -n other")
    assert sorted((one.file.kind, one.file.name) for one in messages if one.file) == [
        ("file", "streamable.mp4"),
        ("video", "other.mp4"),
        ("video", "streamable.mp4"),
    ]


async def test_a_stale_reference_is_renewed_from_the_post(stage: Stage) -> None:
    await send(stage, "/dl sample:archive.bin")
    await stage.channel("Films")
    stage.telegram.faults.expire_references()
    sent, uploads = stage.telegram.payload, stage.telegram.calls["messages.uploadMedia"]
    await say(stage, Line("/dl sample:archive.bin", chat="Films"))
    assert (stage.telegram.payload, stage.telegram.calls["messages.uploadMedia"]) == (sent, uploads)
    assert stage.telegram.calls["messages.getMessages"] == 1
    assert len(await kept(stage)) == 2


async def test_a_deleted_post_is_made_again_with_no_bytes(stage: Stage) -> None:
    message = post(await send(stage, "/dl sample:archive.bin"))
    await stage.owner.delete(stage.owner.user_id, message.id)
    sent = stage.telegram.payload
    messages = await send(stage, "/dl sample:archive.bin")
    assert post(messages).id != message.id
    assert stage.telegram.payload == sent
    assert [one.message_id for one in await kept(stage)] == [post(messages).id]


@pytest.mark.parametrize("error", ["FILE_REFERENCE_EXPIRED", "FILE_ID_INVALID", "MEDIA_EMPTY"])
async def test_what_cannot_be_had_any_more_is_fetched_again(stage: Stage, error: str) -> None:
    message = post(await send(stage, "/dl sample:archive.bin"))
    old = stage.telegram.files()[-1].id
    await stage.owner.delete(stage.owner.user_id, message.id)
    stage.telegram.faults.fail("messages.sendMedia", error, times=None, when=lambda one: one.media.id.id == old)
    sent = stage.telegram.payload
    messages = await send(stage, "/dl sample:archive.bin")
    assert messages[-2].text.startswith("✓ #2") or messages[-3].text.startswith("✓ #2")
    assert len(files(messages)) == 1
    assert stage.telegram.payload == 2 * sent
    assert [one.message_id for one in await kept(stage)] == [post(messages).id]


async def test_equal_orders_at_once_are_done_one_after_the_other(stage: Stage) -> None:
    slow = stage.media.link("slow/archive.bin?rate=4000000")
    going = asyncio.create_task(send(stage, f"/dl {slow}", f"/dl {slow}", f"/dl {slow} --spoiler", "/job 2"))
    async with asyncio.timeout(30):
        while not [live for live in stage.app.scheduler.live() if live.progress.note == _WAITS]:
            await asyncio.sleep(0.01)
    messages = await going
    assert stage.telegram.calls["messages.uploadMedia"] == 1
    assert len(files(messages)) == 2
    assert sum("Already posted" in message.text for message in messages) == 1


_WAITS = "waits for #1, which fetches the same"


async def test_when_the_first_fails_the_next_goes_on_by_itself(stage: Stage) -> None:
    slow = stage.media.link("slow/archive.bin?rate=4000000")
    going = asyncio.create_task(send(stage, f"/dl {slow}", f"/dl {slow}"))
    async with asyncio.timeout(30):
        while not [live for live in stage.app.scheduler.live() if live.progress.note == _WAITS]:
            await asyncio.sleep(0.01)
    await stage.app.scheduler.cancel(1)
    messages = await going
    assert len(files(messages)) == 1
    assert sorted(message.text[:4] for message in messages if message.text.startswith(("✓", "–"))) == ["– #1", "✓ #2"]


async def test_the_same_content_under_another_link_sends_no_bytes(stage: Stage) -> None:
    await send(stage, "/dl sample:clip.mp4")
    sent = stage.telegram.payload
    messages = await send(stage, "/dl sample:clip.mp4?copy=2")
    assert len(files(messages)) == 2
    assert stage.telegram.payload == sent
    assert len({one.document_id for one in await kept(stage)}) == 1


async def test_a_known_document_that_cannot_be_had_is_uploaded_from_the_file_at_hand(stage: Stage) -> None:
    message = post(await send(stage, "/dl sample:clip.mp4"))
    old = stage.telegram.files()[-1].id
    await stage.owner.delete(stage.owner.user_id, message.id)
    stage.telegram.faults.fail(
        "messages.sendMedia", "FILE_ID_INVALID", times=None, when=lambda one: one.media.id.id == old
    )
    messages = await send(stage, "/dl sample:clip.mp4?copy=2")
    assert post(messages).text == "clip"
    [only] = await kept(stage)
    assert (only.document_id, only.content is None) == (stage.telegram.files()[-1].id, False)
    assert only.document_id != old


async def test_a_chosen_name_is_kept_to_though_the_content_is_known(stage: Stage) -> None:
    await send(stage, "/dl sample:clip.mp4")
    messages = await send(stage, "/dl sample:clip.mp4?copy=2 -n mine")
    assert [one.file.name for one in files(messages) if one.file] == ["clip.mp4", "mine.mp4"]


async def test_lists_find_and_show_what_was_posted(stage: Stage) -> None:
    channel = await stage.channel("Films")
    await say(
        stage,
        Line("/dl sample:notes.pdf"),
        Line("/dl sample:song.mp3"),
        Line("/dl sample:streamable.mp4 -c 'Crème brûlée'", chat="Films", wait="jobs"),
    )
    numbers = {one.name: one.id for one in await kept(stage)}
    asked = [
        "/history",
        "/find creme BRUL",
        "/find note",
        "/find nothing",
        "/find",
        f"/history --show {numbers['notes.pdf']}",
    ]
    messages = await send(stage, *asked)
    answers = [message for message in messages if message.edited and not message.text.startswith("✓")]
    history, found, note, nothing, empty, show = answers
    assert [line.split(" · ")[0].split()[0] for line in history.text.splitlines()[:3]] == ["3", "2", "1"]
    [film] = [one for one in await kept(stage) if one.chat_id == channel]
    assert [entity.url for entity in found.entities if entity.url] == [link_of(film)]
    assert len(found.text.splitlines()) == 1
    assert "notes.pdf" in note.text
    assert "Nothing that was posted" in nothing.text
    assert "Find what?" in empty.text
    assert "the reply to it leads there" in show.text
    [original] = [one for one in files(messages) if one.file and one.file.name == "notes.pdf"]
    assert [one.reply_to for one in messages if one.text == "Here is notes.pdf."] == [original.id]


async def test_lists_are_paged_by_number(stage: Stage) -> None:
    await send(stage, "/dl " + " ".join(f"sample:notes.pdf?number={number}" for number in range(12)))
    messages = await send(stage, "/history", "/find notes --before 3", "/history --before 1", "/history --before x")
    first, found, none, wrong = [message.text for message in messages if not message.file][-4:]
    assert [line.split()[0] for line in first.splitlines()[:10]] == [str(number) for number in range(12, 2, -1)]
    assert first.splitlines()[-1] == "Older: /history --before 3"
    assert [line.split()[0] for line in found.splitlines()[:-1]] == ["2", "1"]
    assert none.startswith("Nothing was posted")
    assert "is no number" in wrong


async def test_a_post_that_is_gone_is_said_to_be_so(stage: Stage) -> None:
    message = post(await send(stage, "/dl sample:notes.pdf"))
    await stage.owner.delete(stage.owner.user_id, message.id)
    messages = await send(stage, "/history --show 1", "/history --show 1")
    assert [one.text for one in messages if "ost 1" in one.text] == [
        "Post 1 is gone: it was deleted from its chat.",
        "There is no post 1 in the library.",
    ]
