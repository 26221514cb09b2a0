"""What is there once a batch has ended: its index, its lines, and posts that get another content."""

from typing import Any

from telethon.tl import types

from medusa.demo.lines import Line
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.storage.batches import ItemState

CHAT = "Films"
SIX = """## Part one
A:{0}/notes.pdf
B:{0}/song.mp3
## Part two
Gone:{0}/dead -q 720
D:{0}/notes.pdf?4
E:{0}/notes.pdf?5
{0}/notes.pdf?6"""


async def six(stage: Stage, options: str = "", chat: str = CHAT) -> int:
    """Have six lines played; returns the channel."""
    channel = await stage.channel(CHAT)
    await play(stage, [Line(text=f"/batch {options} -n Course\n{SIX.format(stage.media.url)}", chat=chat)])
    await play(stage, [Line(text="/batch 1 go")])
    return channel


def indexes(stage: Stage, channel: int) -> list[Any]:
    return [one for one in stage.telegram.messages(channel) if (getattr(one, "message", "") or "").startswith("Course")]


def posts(stage: Stage, channel: int) -> list[Any]:
    return [one for one in stage.telegram.messages(channel) if getattr(one, "media", None)]


async def last(stage: Stage) -> str:
    return (await stage.owner.history(stage.owner.user_id))[-1].text


async def test_a_channel_gets_an_index_that_stays_right(stage: Stage) -> None:
    channel = await six(stage)
    [index] = indexes(stage, channel)
    assert index.pinned
    assert index.message == "Course\n\nPart one\n1. A\n2. B\n\nPart two\n✗ 3. Gone\n4. D\n5. E\n6. notes.pdf"
    urls = [one.url for one in index.entities if isinstance(one, types.MessageEntityTextUrl)]
    assert urls[0] == f"https://t.me/c/{-channel - 10**12}/{posts(stage, channel)[0].id}"
    commands = len(await stage.owner.history(stage.owner.user_id))
    await play(stage, [Line(text=f"/replace 1.3 {stage.media.url}/archive.bin")])
    [again] = indexes(stage, channel)
    assert again.id == index.id
    assert "✗" not in again.message
    assert [one.message for one in posts(stage, channel)][2] == "3. Gone"
    assert (await stage.app.conductor.batches.items(1))[2].state is ItemState.DONE
    assert len(await stage.owner.history(stage.owner.user_id)) == commands + 1


async def test_an_index_is_made_only_where_it_is_wanted(stage: Stage) -> None:
    channel = await six(stage, "--no-index")
    assert indexes(stage, channel) == []
    await play(stage, [Line(text="/batch 1 --index")])
    [index] = indexes(stage, channel)
    await play(stage, [Line(text="/batch 1 --index"), Line(text="/batch retry 1")])
    assert [one.id for one in indexes(stage, channel)] == [index.id]
    said = [one for one in await stage.owner.history(stage.owner.user_id) if one.text.startswith("✗ Batch 1")]
    assert len(said) >= 2  # once when it ended first, and once after the retry


async def test_the_lines_of_a_batch_can_be_had(stage: Stage) -> None:
    channel = await six(stage)
    await play(stage, [Line(text="/batch failed 1")])
    failed = await last(stage)
    assert failed.endswith(f"\nGone:{stage.media.url}/dead -q 720")
    assert "\n## Part two\n; The link is dead" in failed
    await play(stage, [Line(text="/batch links 1")])
    lines = (await last(stage)).splitlines()
    assert lines[1] == f"1. A https://t.me/c/{-channel - 10**12}/{posts(stage, channel)[0].id}"
    assert lines[3].startswith("3. Gone ✗ failed (The link is dead")
    # What has failed is a list that /batch takes.
    await play(stage, [Line(text="/batch\n" + failed.partition("\n")[2])])
    assert "Batch 2 “Part two”: 1 items" in await last(stage)


async def test_failed_lines_keep_what_was_asked_for(stage: Stage) -> None:
    await play(stage, [Line(text="/set documents on")])
    line = f"Gone:{stage.media.url}/dead -q 480 --media --spoiler --silent --protect --pin"
    await play(stage, [Line(text=f"/batch\n{line}"), Line(text="/batch 1 go")])
    await play(stage, [Line(text="/batch failed 1")])
    assert (await last(stage)).splitlines()[-1] == line


async def test_many_lines_come_as_a_file(stage: Stage) -> None:
    text = "\n".join(f"{'Long name ' * 12}{number}:{stage.media.url}/dead?{number}" for number in range(24))
    await play(stage, [Line(text=f"/batch\n{text}")])
    await play(stage, [Line(text="/batch 1 go")])
    await play(stage, [Line(text="/batch failed 1")])
    [file] = [one for one in await stage.owner.history(stage.owner.user_id) if one.file]
    assert file.file
    assert file.file.name == "batch 1 failed.txt"
    stored = [stage.telegram.file_of(one) for one in stage.telegram.messages() if getattr(one, "media", None)]
    assert stored[0]
    data = stored[0].path.read_text(encoding="utf-8").splitlines()
    assert [line for line in data if not line.startswith(";")] == text.splitlines()


async def test_a_post_gets_another_content_in_its_place(stage: Stage) -> None:
    await play(stage, [Line(text=f'/dl {stage.media.url}/notes.pdf -c "Kept {{{{1}}}}"')])
    before = posts(stage, stage.owner.user_id)[0]
    await play(stage, [Line(text=f"/replace 1 {stage.media.url}/archive.bin")])
    [after] = posts(stage, stage.owner.user_id)
    assert (after.id, after.message) == (before.id, "Kept {1}")
    assert after.media.document.id != before.media.document.id
    rows = await stage.app.store.read("SELECT name, message_id FROM library")
    assert rows == [("archive.bin", before.id)]
    await play(stage, [Line(text=f"/replace {stage.media.url}/song.mp3 -c New", reply_to=before.id)])
    [last_of] = posts(stage, stage.owner.user_id)
    assert (last_of.id, last_of.message) == (before.id, "New")
    await play(stage, [Line(text=f"/dl {stage.media.url}/notes.pdf")])  # what is gone is no duplicate
    files = [one for one in posts(stage, stage.owner.user_id) if one.id != before.id]
    await play(stage, [Line(text="/replace 1", reply_to=files[0].id)])
    assert posts(stage, stage.owner.user_id)[0].media.document.id == files[0].media.document.id


REFUSED = {
    "/replace": "Which post by what?",
    "/replace 9 https://a.b/c": "There is no job #9.",
    "/replace 9.1 https://a.b/c": "There is no batch 9.",
    "/replace 3": "Which post by what?",
    "/replace 1 ftp://a.b/c": "ftp: links can't be fetched",
    "/batch failed 9": "There is no batch 9",
    "/rebuild nonsense": "in no channel or group called",
    "/rebuild -1009999999999": "does not know that chat",
}


async def test_what_cannot_be_replaced_is_said(stage: Stage) -> None:
    await play(stage, [Line(text=f"/dl {stage.media.url}/notes.pdf", wait="jobs")])
    for text, answer in REFUSED.items():
        await play(stage, [Line(text=text)])
        assert answer in await last(stage), text
