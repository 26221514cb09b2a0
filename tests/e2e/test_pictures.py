"""Thumbnails, contact sheets and looks into files, as the owner asks for them in the chat."""

from pathlib import Path

from medusa.demo.lines import Line
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.model import JobState
from medusa.steps.image import image_in
from medusa.telegram.phone import Message
from tests.e2e.kit import send
from tests.integration.source_kit import ffmpeg


async def said(stage: Stage) -> str:
    """The newest text."""
    return (await stage.owner.history(stage.owner.user_id))[-1].text.replace("\u00a0", " ")


async def posts(stage: Stage) -> list[Message]:
    return [message for message in await stage.owner.history(stage.owner.user_id) if message.file]


async def reply(stage: Stage, *texts: str) -> None:
    for text in texts:
        await play(stage, [Line(text=text, reply_to="last_file", wait="jobs")])


def thumbnails(stage: Stage) -> list[bytes]:
    """The thumbnails of all posts, as the server holds them."""
    held = [stage.telegram.file_of(m) for m in stage.telegram.messages() if getattr(m, "media", None)]
    return [one.thumb for one in held if one is not None and one.thumb is not None]


async def test_a_video_is_posted_again_with_another_thumbnail(stage: Stage) -> None:
    await send(stage, "/dl sample:clip.mp4")
    await reply(stage, "/thumb 0:05")
    first, second = await posts(stage)
    assert (first.file and first.file.size) == (second.file and second.file.size)
    before, after = thumbnails(stage)
    assert before != after
    await reply(stage, "/thumb 1:00:00", "/thumb soon", "/thumb")
    texts = [message.text for message in await stage.owner.history(stage.owner.user_id)]
    assert "clip.mp4 is over after 0:06: there is no frame at that time." in texts[-3]
    assert texts[-2] == "The frame of which time? For instance: /thumb 1:23"
    assert texts[-1].startswith("That is no picture of at most 10 MB.")


async def test_a_picture_is_kept_for_all_later_posts_until_it_is_forgotten(stage: Stage, tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=800x500", "-frames:v", "1", "mine.png", cwd=tmp_path)
    await send(stage, "/thumb")
    assert (await said(stage)).startswith("Each video has a thumbnail of its own.")
    await play(stage, [Line(file=tmp_path / "mine.png"), Line(text="/thumb", reply_to="last_file", wait="jobs")])
    assert await said(stage) == "This picture is the thumbnail of all later posts, until /thumb off."
    await send(stage, "/thumb")
    assert (await said(stage)).startswith("A picture is the thumbnail of all posts since ")
    await send(stage, "/dl sample:streamable.mp4", "/dl sample:notes.pdf")
    first, second = thumbnails(stage)
    image = image_in(first)
    assert image is not None
    assert (image.width, image.height) == (320, 200)
    assert first == second
    await send(stage, "/thumb off", "/dl sample:streamable.mp4 --force")
    assert thumbnails(stage)[-1] != first
    await send(stage, "/thumb off")
    assert await said(stage) == "No picture was kept: each video has a thumbnail of its own."


async def test_a_contact_sheet_and_screenshots_are_posted_as_photos(stage: Stage) -> None:
    await send(stage, "/dl sample:clip.mp4")
    video = (await posts(stage))[-1].id
    for text in ("/shots", "/shots 3"):
        await play(stage, [Line(text=text, reply_to=video, wait="jobs")])
    _, sheet, *shots = await posts(stage)
    assert sheet.file is not None
    assert (sheet.file.width, sheet.file.mime) == (1280, "image/jpeg")
    assert [(one.file and one.file.width, one.file and one.file.height) for one in shots] == [(640, 360)] * 3
    await send(stage, "/shots 3x3 sample:song.mp3", "/shots 99x99 sample:clip.mp4")
    texts = [message.text for message in await stage.owner.history(stage.owner.user_id)]
    assert texts[-2].endswith("song.mp3 is no video, so there are no pictures to take from it.")
    assert texts[-1] == "A sheet has 1 to 6 columns and 1 to 10 rows, such as 3x3 or 4x6."


async def test_a_file_is_looked_into_without_being_posted(stage: Stage) -> None:
    await send(stage, "/dl sample:clip.mp4")
    await reply(stage, "/mediainfo")
    lines = (await said(stage)).split("\n")
    assert lines[0] == "clip.mp4"
    assert lines[1].startswith("MP4 · 0:06 · 1.1 MB")
    assert any(line.startswith("Video  H.264 High · 640×360 · 15 fps") for line in lines)
    assert lines[-2:] == ["✓ Starts at once", "✓ Plays on every phone"]
    await send(stage, "/mediainfo #1 sample:song.mp3", "/mediainfo sample:hls/index.m3u8", "/mediainfo")
    texts = [message.text for message in await stage.owner.history(stage.owner.user_id)]
    assert "clip.mp4\n" in texts[-3]
    assert "Cover  yes" in texts[-3]
    assert texts[-2].startswith("That can be looked into once it is posted")
    assert texts[-1].startswith("To which file?")
    assert len(await posts(stage)) == 1


async def test_what_some_phones_will_not_play_is_said_under_the_finished_job(stage: Stage, tmp_path: Path) -> None:
    x265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=1", *x265, "deep.mkv", cwd=tmp_path)
    await play(stage, [Line(file=tmp_path / "deep.mkv"), Line(text="/dl -n deep", reply_to="last_file", wait="jobs")])
    [job] = await stage.app.jobs.recent(1)
    assert job.state is JobState.DONE
    warned = "Some phones won't play this at once: HEVC. Reply /convert phone to it for one that they will."
    assert job.reason == warned
    assert any(message.text.endswith(warned) for message in await stage.owner.history(stage.owner.user_id))
    await send(stage, "/set warn-playing off")
    await play(stage, [Line(file=tmp_path / "deep.mkv"), Line(text="/dl -n other", reply_to="last_file", wait="jobs")])
    [job] = await stage.app.jobs.recent(1)
    assert (job.state, job.reason) == (JobState.DONE, "")
