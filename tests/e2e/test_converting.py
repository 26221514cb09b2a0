"""The owner converts videos from the chat: what is posted bears the right marks, and a slow encode obeys."""

import asyncio
import os
from pathlib import Path
from typing import Any

from telethon.tl import types

from medusa.demo.lines import Line
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.model import JobState, Progress
from tests.e2e.kit import send

SLOW = '/convert "-c:v libx264 -preset medium -vf scale=960:540" #1'


async def replied(stage: Stage, *texts: str) -> list[str]:
    """Send texts in reply to the newest file, one after the other, and return what stands in their places."""
    first = len(await stage.owner.history(stage.owner.user_id))
    for text in texts:
        await play(stage, [Line(text=text, reply_to="last_file", wait="jobs")])
    return [message.text for message in (await stage.owner.history(stage.owner.user_id))[first:]]


def marks(stage: Stage) -> dict[type, Any]:
    """The attributes of the newest posted document as the server holds them, by their types."""
    newest = [m for m in stage.telegram.messages() if getattr(m, "media", None)][-1]
    return {type(one): one for one in newest.media.document.attributes}


async def test_gifs_and_round_videos_are_marked_as_such(stage: Stage) -> None:
    await send(stage, "/dl sample:clip.mp4")
    await send(stage, "/gif #1")
    seen = marks(stage)
    assert types.DocumentAttributeAnimated in seen
    video = seen[types.DocumentAttributeVideo]
    assert (video.nosound, video.round_message, video.w, video.h, video.supports_streaming) == (
        True,
        False,
        640,
        360,
        True,
    )
    assert round(video.duration) == 6
    await send(stage, "/round #1")
    seen = marks(stage)
    assert types.DocumentAttributeAnimated not in seen
    video = seen[types.DocumentAttributeVideo]
    assert (video.round_message, video.w, video.h) == (True, 360, 360)
    files = [one.file for one in await stage.owner.history(stage.owner.user_id) if one.file]
    assert [file.shape for file in files] == ["", "animation", "round"]
    assert all(file.thumb for file in files)


async def test_what_is_a_plain_file_bears_no_marks(stage: Stage) -> None:
    await send(stage, "/dl sample:clip.mp4 --gif --doc")
    assert marks(stage).keys() == {types.DocumentAttributeFilename}


async def test_a_turned_video_stands_upright(stage: Stage) -> None:
    await send(stage, "/dl sample:phone.mp4 --rotate left")
    video = marks(stage)[types.DocumentAttributeVideo]
    assert (video.w, video.h) == (640, 360)


async def test_recipes_of_the_owner(stage: Stage) -> None:
    await send(stage, "/recipe add tiny -c:v h264 -crf 32 -preset ultrafast -vf scale=-2:90", "/dl sample:clip.mp4")
    await send(stage, "/convert TINY #1")
    assert (marks(stage)[types.DocumentAttributeVideo].h, marks(stage)[types.DocumentAttributeVideo].w) == (90, 160)
    [job] = await stage.app.jobs.recent(1)
    assert job.order.edits == {"convert": "-c:v h264 -crf 32 -preset ultrafast -vf scale=-2:90"}
    said = await replied(
        stage, "/recipes", "/convert tinny", "/recipe remove tiny", "/convert tiny", "/recipe remove phone"
    )
    assert "tiny: -c:v h264 -crf 32 -preset ultrafast -vf scale=-2:90" in said[0]
    assert said[1] == "There is no recipe “tinny”. Did you mean tiny?"
    assert said[2] == "The recipe tiny is gone."
    assert said[3].startswith("There is no recipe “tiny”.")
    assert said[4] == "“phone” is a recipe of Medusa's own, which stays. See /recipes."


MISTAKES = {
    "/recipe add": "For instance: /recipe add tiny -c:v h264",
    "/recipe add phone -crf 30": "phone is a recipe of Medusa's own; give yours another name.",
    "/recipe add 9x -crf 30": "“9x” is no name for a recipe",
    "/recipe add x -i /etc/passwd": "“-i” may not stand in a recipe",
    "/recipe add x -crf 30;-i": "In a recipe, -crf does not take “30;-i”.",
    "/recipe add x ;rm": "“;rm” is no argument of ffmpeg's",
    "/recipe remove x": "“x” is no recipe of yours. See /recipes.",
    "/convert": "To which file? Reply to it with /convert, or name a link or a job like #12.",
    "/convert #99": "There is no job #99.",
}


async def test_mistakes_are_refused_in_words(stage: Stage) -> None:
    messages = await send(stage, *MISTAKES)
    for message, (text, words) in zip(messages, MISTAKES.items(), strict=True):
        assert message.text.startswith(words), text


async def encoding(stage: Stage) -> Progress:
    """Wait until pictures are being encoded, and return how far that is."""
    async with asyncio.timeout(60):
        while True:
            for live in stage.app.scheduler.live():
                if live.progress.playing and live.progress.done:
                    return live.progress
            await asyncio.sleep(0.02)


def ffmpegs() -> list[Path]:
    """The ffmpegs that were started from here and are alive."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [Path("/proc", pid) for pid in pids if "ffmpeg" in (Path("/proc", pid) / "comm").read_text()]


async def test_a_cancel_in_mid_encode_leaves_nothing(stage: Stage) -> None:
    await send(stage, "/dl sample:clip.mp4")
    await stage.owner.send(0, SLOW)
    seen = await encoding(stage)
    assert (seen.total, seen.note) == (6000, "encoding to H.264 with libx264")
    assert ffmpegs()
    messages = await send(stage, "/cancel 2")
    assert not ffmpegs()
    assert not (stage.app.config.work / "2").exists()
    assert any("cancelled" in message.text for message in messages)


async def test_a_pause_in_mid_encode_begins_the_step_again(stage: Stage) -> None:
    await send(stage, "/dl sample:clip.mp4")
    await stage.owner.send(0, SLOW)
    await encoding(stage)
    await stage.owner.send(0, "/pause 2")
    async with asyncio.timeout(30):
        while not ((job := await stage.app.jobs.get(2)) and job.state is JobState.PAUSED):
            await asyncio.sleep(0.05)
    assert not ffmpegs()
    await send(stage, "/resume 2")
    video = marks(stage)[types.DocumentAttributeVideo]
    assert (video.w, video.h, round(video.duration)) == (960, 540, 6)
