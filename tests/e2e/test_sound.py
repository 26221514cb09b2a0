"""The owner makes songs, voice messages and subtitles from the chat; Telegram holds them with the right attributes."""

from pathlib import Path
from typing import Any

from playwright.async_api import expect
from telethon.tl import types

from medusa.demo.lines import Line
from medusa.demo.script import all_done, play
from medusa.demo.stage import Stage
from medusa.steps.ffmpeg import look
from medusa.tools import find_ffmpeg
from medusa.web.chat import serve_chat
from tests.browser import PHONE, open_page, plays
from tests.e2e.kit import send
from tests.integration.test_subtitles import RUSSIAN, SRT, srt_of


def posts(stage: Stage) -> list[Any]:
    """The posted documents in their order, as the server holds them."""
    found = [getattr(message, "media", None) for message in stage.telegram.messages()]
    return [media.document for media in found if isinstance(media, types.MessageMediaDocument)]


def attribute(document: Any, kind: type) -> Any:
    return next(one for one in document.attributes if isinstance(one, kind))


def name(document: Any) -> str:
    return str(attribute(document, types.DocumentAttributeFilename).file_name)


async def saved(stage: Stage, folder: Path) -> Path:
    """The newest posted file."""
    newest = [message for message in stage.telegram.messages() if getattr(message, "media", None)][-1]
    held = stage.telegram.file_of(newest)
    assert held is not None
    path = folder / held.name
    path.write_bytes(held.read())
    return path


async def test_songs_have_performer_title_and_cover(stage: Stage) -> None:
    await send(stage, "/dl sample:clip.mp4")
    await play(stage, [Line(text="/audio mp3", reply_to="last_file")])
    await send(stage, "/tag #2 title=A b c artist=Someone album=", "/rename #2 Other song", "/audio sample:film.mkv")
    assert await all_done(stage)
    _, song, tagged, renamed, linked = posts(stage)
    audio = attribute(song, types.DocumentAttributeAudio)
    assert (song.mime_type, name(song)) == ("audio/mpeg", "clip.mp3")
    assert (audio.duration, audio.title, audio.performer, audio.voice) == (6, "Into the fractal", None, False)
    assert song.thumbs
    audio = attribute(tagged, types.DocumentAttributeAudio)
    assert (audio.title, audio.performer) == ("A b c", "Someone")
    assert tagged.thumbs
    assert (name(renamed), renamed.size) == ("Other song.mp3", song.size)
    assert renamed.thumbs
    assert (name(linked), attribute(linked, types.DocumentAttributeAudio).title) == ("film.m4a", "Life on a grid")


async def test_a_voice_message_with_its_waveform(stage: Stage) -> None:
    await send(stage, "/dl sample:song.mp3")
    await send(stage, "/voice #1", "/normalize #1 -14")
    assert await all_done(stage)
    _, *made = posts(stage)
    voice, even = sorted(made, key=lambda document: str(document.mime_type), reverse=True)
    audio = attribute(voice, types.DocumentAttributeAudio)
    assert (voice.mime_type, audio.voice, audio.duration, audio.title) == ("audio/ogg", True, 6, None)
    assert len(audio.waveform) == 63
    assert attribute(even, types.DocumentAttributeAudio).performer == "The Sine Waves"
    [media] = [message.media for message in stage.telegram.messages() if getattr(message.media, "voice", False)]
    assert media.document.id == voice.id
    [shown] = [one.file for one in await stage.owner.history(stage.owner.user_id) if one.file and one.file.waveform]
    assert shown.kind == "voice"
    assert (len(shown.waveform), max(shown.waveform)) == (100, 31)
    async with serve_chat(stage.owner) as url, open_page(url, PHONE) as page:
        await expect(page.locator(".voice .waveform i")).to_have_count(100)
        await plays(page, ".voice audio")
        await expect(page.locator(".voice .waveform i.heard").first).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_a_subtitle_file_is_put_into_a_posted_video(stage: Stage, tmp_path: Path) -> None:
    words = tmp_path / "words.srt"
    words.write_bytes(SRT.format(*RUSSIAN).encode("cp1251"))
    await send(stage, "/dl sample:clip.mp4")
    await play(stage, [Line(file=words), Line(text="/subs #1", reply_to="last_file", wait="jobs")])
    await play(stage, [Line(text="/subs", reply_to="last_file")])
    ffmpeg = find_ffmpeg()
    assert ffmpeg
    path = await saved(stage, tmp_path)
    assert RUSSIAN[0] in srt_of(path)
    seen = await look(path, ffmpeg, tmp_path)
    assert seen.media
    assert seen.media.streamable
    told = [one.text for one in await stage.owner.history(stage.owner.user_id)]
    assert any("1 und (mov_text, default)" in text for text in told)
    await play(stage, [Line(text="/subs 1 --as vtt", reply_to="last_file")])
    assert await all_done(stage)
    assert name(posts(stage)[-1]) == "clip.vtt"


async def test_what_cannot_be_done_is_one_line(stage: Stage, tmp_path: Path) -> None:
    junk = tmp_path / "junk.srt"
    junk.write_bytes(bytes(range(256)) * 40)
    await send(stage, "/dl sample:notes.pdf")
    await send(stage, "/audio #1", "/voice #1", "/subs en #1", "/tag #1 hello", "/audio #1 wma")
    await play(stage, [Line(file=junk), Line(text="/subs --as vtt", reply_to="last_file")])
    told = "\n".join(one.text for one in await stage.owner.history(stage.owner.user_id))
    assert told.count("notes.pdf is no video and no sound that can be read.") == 2
    assert "notes.pdf is no subtitle file" in told
    assert "“hello” is no tag." in told
    assert "“wma” is no format of sound" in told
    assert "junk.srt is no subtitle file: there is no SRT, WebVTT or ASS in it." in told
