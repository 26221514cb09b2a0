"""A link sent to oneself comes back as a file: each kind of sample, end to end through the embedded Telegram."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from medusa import process
from medusa.demo.lines import Line
from medusa.demo.samples import Samples
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.model import JobState
from medusa.observe.metrics import REGISTRY
from medusa.tools import find_ffmpeg
from tests.e2e.kit import post, posts, send, stored


async def packets(ffmpeg: Path, file: Path) -> list[str]:
    """The hash of each packet in a media file, by stream kind; equal lists mean equal streams.

    MP4 marks an encoder's priming packet by an edit list, which would hide it here.
    """
    lines = []
    hidden = ["-ignore_editlist", "1"] if file.suffix == ".mp4" else []
    for kind in ("v", "a"):
        arguments = [*hidden, "-i", f"file:{file}", "-map", f"0:{kind}:0", "-c", "copy", "-f", "framehash", "-"]
        done = await process.run([str(ffmpeg), "-v", "error", "-nostdin", *arguments], cwd=file.parent, timeout=60)
        assert done.code == 0, done.err
        lines += [line.split(",")[5] for line in done.out.decode().splitlines() if not line.startswith("#")]
    return lines


VIDEOS = {
    "clip.mp4": (640, 360),
    "streamable.mp4": (640, 360),
    "phone.mp4": (360, 640),
    "film.mkv": (640, 360),
}


async def test_videos_come_back_streamable_with_equal_streams(stage: Stage, samples: Samples, tmp_path: Path) -> None:
    messages = await posts(stage, *(f"/dl sample:{name}" for name in VIDEOS))
    ffmpeg = find_ffmpeg()
    assert ffmpeg is not None
    for message, (name, size) in zip(messages, VIDEOS.items(), strict=True):
        file = message.file
        assert file is not None
        assert (file.width, file.height) == size, name
        assert (file.kind, file.mime, file.streamable, file.thumb) == ("video", "video/mp4", True, True), name
        assert file.duration == pytest.approx(6.0, abs=0.3), name
        copy = tmp_path / "copy.mp4"
        copy.write_bytes(stored(stage, message).read())
        assert copy.read_bytes().index(b"moov") < copy.read_bytes().index(b"mdat"), name
        assert await packets(ffmpeg, copy) == await packets(ffmpeg, samples.path(name)), name


async def test_files_that_are_right_as_they_are_come_back_byte_for_byte(stage: Stage, samples: Samples) -> None:
    names = ("streamable.mp4", "song.mp3", "notes.pdf", "archive.bin")
    messages = await posts(stage, *(f"/dl sample:{name}" for name in names))
    found = [stored(stage, message).sha256 for message in messages]
    assert found == [hashlib.sha256(samples.path(name).read_bytes()).hexdigest() for name in names]


MANIFESTS = {
    "hls/index.m3u8": "hls",
    "hls-aes/index.m3u8": "hls-aes",
    "dash/manifest.mpd": "dash",
    "watch.html": "A page with a video",
}


async def test_what_is_no_plain_file_comes_back_as_a_streamable_video(stage: Stage) -> None:
    messages = await posts(stage, *(f"/dl sample:{name}" for name in MANIFESTS))
    for message, (name, title) in zip(messages, MANIFESTS.items(), strict=True):
        file = message.file
        assert file is not None
        assert (message.text, file.kind, file.width, file.height) == (title, "video", 640, 360), name
        assert (file.streamable, file.thumb) == (True, True), name
        assert file.duration == pytest.approx(6.0, abs=0.3), name


async def test_a_song_says_its_title_and_artist(stage: Stage) -> None:
    file = post(await send(stage, "/dl sample:song.mp3")).file
    assert file is not None
    assert file.kind == "audio"
    assert file.title
    assert file.performer
    assert file.thumb


async def test_audio_alone(stage: Stage) -> None:
    file = post(await send(stage, "/dl sample:hls/index.m3u8 -q audio")).file
    assert file is not None
    assert file.kind == "audio"


async def test_the_command_message_tells_the_outcome_and_the_post_answers_it(stage: Stage) -> None:
    messages = await send(stage, "/dl sample:notes.pdf")
    assert [bool(message.file) for message in messages] == [False, True]
    assert messages[0].text.startswith("✓ #1 notes.pdf")
    assert messages[1].reply_to == messages[0].id


async def test_a_bare_link_is_a_command(stage: Stage) -> None:
    messages = await send(stage, "sample:notes.pdf", "no command at all")
    assert post(messages).file is not None
    assert messages[1].text == "no command at all"


async def test_options_shape_the_post(stage: Stage) -> None:
    words = '/dl sample:streamable.mp4 -n "My film" -c "Look: <b>this</b>" --spoiler'
    message = post(await send(stage, words))
    assert message.file is not None
    assert message.file.name == "My film.mp4"
    assert message.file.spoiler
    assert message.text == "Look: <b>this</b>"


async def test_a_video_as_a_document_stays_as_it_is(stage: Stage, samples: Samples) -> None:
    file = post(await send(stage, "/dl sample:clip.mp4 --doc")).file
    assert file is not None
    assert file.kind == "file"
    assert stored(stage).sha256 == hashlib.sha256(samples.path("clip.mp4").read_bytes()).hexdigest()


async def test_several_links_in_one_command_share_its_message(stage: Stage) -> None:
    messages = await send(stage, "/dl sample:notes.pdf sample:dead sample:song.mp3")
    assert [line[0] for line in messages[0].text.splitlines() if line[0] in "✓✗"] == ["✓", "✗", "✓"]
    assert sum(bool(message.file) for message in messages) == 2


async def test_two_commands_in_one_second_both_run(stage: Stage) -> None:
    messages = await send(stage, "/dl sample:notes.pdf", "/dl sample:song.mp3")
    assert sum(bool(message.file) for message in messages) == 2


async def test_a_command_in_a_registered_channel_posts_there_and_vanishes(stage: Stage) -> None:
    channel = await stage.channel("Films")
    async with asyncio.timeout(60):
        await play(stage, [Line(text="/dl sample:streamable.mp4", chat="Films")])
    messages = await stage.owner.history(channel)
    assert post(messages).file is not None
    assert not [message for message in messages if message.text.startswith(("/dl", "✓"))]
    assert not [message for message in await stage.owner.history(stage.owner.user_id) if message.file]


async def test_nobody_but_the_owner_is_obeyed(stage: Stage) -> None:
    async with asyncio.timeout(60):
        await play(stage, [Line(text="/dl sample:notes.pdf", sender="Mallory"), Line(text="/version")])
    assert await stage.app.jobs.recent(10) == []


async def test_settings_change_what_happens_and_can_be_taken_back(stage: Stage) -> None:
    messages = await send(stage, "/set documents on", "/dl sample:streamable.mp4", "/unset documents", "/set bogus 1")
    file = post(messages).file
    assert file is not None
    assert file.kind == "file"
    assert [message.text for message in messages if not message.file and not message.text.startswith("✓")] == [
        "documents is now on.",
        "documents is off again.",
        "There is no setting “bogus”. See them all: /settings",
    ]


ANSWERS = [
    ("/dl", "Which link?"),
    ("/dl ftp://a.b/c", "ftp: links can't be fetched"),
    ("/dl nonsense", "“nonsense” is no link"),
    ("/dl https://a.b --qality 3", "Did you mean --quality?"),
    ("/dl https://a.b -q huge", "-q takes best, audio, ask, or a height"),
    ("/job", "There is no job yet."),
    ("/job 99", "There is no job #99."),
    ("/cancel 99", "There is no job #99."),
    ("/cancel x", "“x” is no job number"),
    ("/cancel all", "There is nothing to cancel."),
    ("/set", "Which setting"),
    ("/set quality huge", "“huge” does not fit quality"),
    ("/status", "Nothing is running here."),
    ("/help dl", "--spoiler"),
    ("/dl --help", "--spoiler"),
    ("/dl —help", "--spoiler"),
    ('/dl ftp://a.b/c -c "see --help"', "ftp: links can't be fetched"),
    ("/help bogus", "There is no command bogus"),
    ("/version", "Telethon"),
    (".version", "Telethon"),
]


async def test_answers_take_the_place_of_the_command(stage: Stage) -> None:
    """Those that are longer than a message go on in further ones."""
    sent = await send(stage, *(text for text, _ in ANSWERS))
    messages = [message for message in sent if message.edited is not None]
    for message, (text, answer) in zip(messages, ANSWERS, strict=True):
        assert answer in message.text, text


async def test_what_only_looks_like_a_command_stays_as_it_is(stage: Stage) -> None:
    notes = [
        "/dwl https://a.b",
        ".gitignore must list build/",
        f"{stage.media.link('notes.pdf')} - Grandma's recipe: 3 eggs",
        "see https://a.b",
        "...",
    ]
    refused = REGISTRY.get_sample_value("medusa_command_refusals_total") or 0
    messages = await send(stage, *notes)
    assert (
        REGISTRY.get_sample_value("medusa_command_refusals_total") == refused + 2 == refused + stage.app.router.refused
    )
    texts = {message.text: message.id for message in messages}
    assert set(notes) <= set(texts)
    assert {message.reply_to: message.text for message in messages if message.text not in notes} == {
        texts["/dwl https://a.b"]: "There is no command /dwl. Did you mean /dl?",
        texts[".gitignore must list build/"]: "There is no command /gitignore. See /help.",
    }


async def test_many_outcomes_of_one_command_all_find_room(stage: Stage) -> None:
    links = " ".join(f"{stage.media.link('dead')}?{number}={'x' * 250}" for number in range(13))
    [message] = await send(stage, f"/dl {links}")
    assert message.text.count("404") == 13


async def test_a_job_can_be_cancelled_in_mid_fetch(stage: Stage) -> None:
    await stage.owner.send(0, f"/dl {stage.media.link('slow/clip.mp4?rate=50000')}")
    async with asyncio.timeout(30):
        while not any(live.progress.done for live in stage.app.scheduler.live()):
            await asyncio.sleep(0.05)
    messages = await send(stage, "/cancel 1")
    assert messages[0].text.startswith("– #1 cancelled")
    assert "Job #1 is cancelled." in [message.text for message in messages]
    [job] = await stage.app.jobs.recent(1)
    assert job.state is JobState.CANCELLED
    assert not list((stage.app.config.work).iterdir())
