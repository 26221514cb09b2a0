"""The owner reworks videos and songs from the chat: in reply to a file, by job number, and as options of /dl."""

from pathlib import Path

from medusa.demo.lines import Line
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
    assert abs(seen.media.duration - 2) < 1.1
