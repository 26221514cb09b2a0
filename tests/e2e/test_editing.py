"""The owner reworks videos and songs from the chat: in reply to a file, by job number, and as options of /dl."""

import shutil
from pathlib import Path

from medusa import process
from medusa.demo.lines import Line
from medusa.demo.samples import Samples
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.steps.ffmpeg import look
from medusa.tools import find_ffmpeg
from tests.e2e.kit import send


async def posted(stage: Stage, folder: Path) -> Path:
    """The newest posted file, as the server holds it."""
    newest = [m for m in stage.telegram.messages() if getattr(m, "media", None)][-1]
    held = stage.telegram.file_of(newest)
    assert held is not None
    path = folder / held.name
    path.write_bytes(held.read())
    return path


async def hashes(path: Path) -> list[str]:
    """Of the packets of a file's pictures."""
    argv = [str(find_ffmpeg()), "-v", "error", "-i", str(path), "-map", "0:V", "-c", "copy", "-f", "framehash", "-"]
    done = await process.run(argv, cwd=path.parent, timeout=60)
    return [line.split(",")[5] for line in done.out.decode().splitlines() if line[0] != "#"]


async def test_several_messages_become_one_video(stage: Stage, tmp_path: Path, samples: Samples) -> None:
    """By how many follow, by the numbers of jobs, and as an album."""
    for text in ("/dl sample:clip.mp4", "a note between them", "/dl sample:sequel.mp4"):
        await send(stage, text)
    first = next(message.id for message in await stage.owner.history(stage.owner.user_id) if message.file)
    copies = [Path(shutil.copy(samples.path(name), tmp_path / f"of-{name}")) for name in ("clip.mp4", "sequel.mp4")]
    parts = [await hashes(copy) for copy in copies]
    for line in (
        Line(text="/merge 2", reply_to=first),
        Line(text="/merge #2-1"),
        Line(text="/merge #2 #1 -n Backwards"),
        Line(text="/merge #2,1 -n Backwards"),
    ):
        await play(stage, [line])
    messages = await stage.owner.history(stage.owner.user_id)
    said = "\n".join(message.text for message in messages)
    assert "runs backwards" in said
    assert "Already posted" in said
    names = [message.file.name for message in messages if message.file]
    assert names == ["clip.mp4", "sequel.mp4", "clip (merged).mp4", "Backwards.mp4"]
    assert await hashes(await posted(stage, tmp_path)) == parts[1] + parts[0]
    peer = await stage.owner._peer(0)
    sent = await stage.owner._client.send_file(peer, [samples.path("clip.mp4"), samples.path("sequel.mp4")])
    await play(stage, [Line(text="/merge", reply_to=sent[1].id)])
    assert await hashes(await posted(stage, tmp_path)) == parts[0] + parts[1]


async def test_what_can_not_be_merged_is_said(stage: Stage) -> None:
    for text in ("/dl sample:clip.mp4", "/dl sample:notes.pdf"):
        await send(stage, text)
    first = next(message.id for message in await stage.owner.history(stage.owner.user_id) if message.file)
    lines = [Line(text=text, reply_to=first) for text in ("/merge", "/merge 3", "/merge 51", "/merge x", "/merge 2")]
    lines += [Line(text=text) for text in ("/merge", "/merge #1 #9", "/merge #1 http://a.example/x")]
    await play(stage, lines)
    said = "\n".join(message.text for message in await stage.owner.history(stage.owner.user_id))
    for words in (
        "takes two files or more, and this is one",
        "2 more files are wanted, but only 1 of them are behind",
        "Write a number from 2 to 50, not “51”",
        "Write a number from 2 to 50, not “x”",
        "notes.pdf is no video or song that can be read",
        "To which file? Reply to it with /merge",
        "There is no job #9",
        "has to stand in one chat",
    ):
        assert words in said


async def test_further_files_are_jobs_of_their_own_for_other_commands(stage: Stage) -> None:
    for text in ("/dl sample:clip.mp4", "/dl sample:sequel.mp4"):
        await send(stage, text)
    first = next(message.id for message in await stage.owner.history(stage.owner.user_id) if message.file)
    await play(
        stage, [Line(text="/trim 1-2 --next 1", reply_to=first), Line(text="/trim 1-2 --next 0", reply_to=first)]
    )
    messages = await stage.owner.history(stage.owner.user_id)
    names = [message.file.name for message in messages if message.file]
    assert (names[:2], sorted(names[2:])) == (["clip.mp4", "sequel.mp4"], ["clip.mp4", "sequel.mp4"])
    assert any("--next takes a number from 1 to 49, not “0”" in message.text for message in messages)


async def test_a_reply_trims_what_was_posted(stage: Stage, tmp_path: Path) -> None:
    await send(stage, "/dl sample:clip.mp4")
    await play(stage, [Line(text="/trim 1-3", reply_to="last_file")])
    messages = await stage.owner.history(stage.owner.user_id)
    files = [message for message in messages if message.file]
    assert len(files) == 2
    ffmpeg = find_ffmpeg()
    assert ffmpeg
    seen = await look(await posted(stage, tmp_path), ffmpeg, tmp_path)
    assert seen.media
    assert seen.media.streamable
    assert seen.media.duration is not None
    # It begins at the key frame at 0 s; two pictures that are stored before they are shown go along, and ffmpeg 5.1
    # counts the time for which these are waited for.
    frame = 1 / 15
    assert 3 - frame < seen.media.duration < 3 + 5 * frame
