"""The chat page in a real browser, and what guards it, against the embedded Telegram."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import expect
from telethon.tl import types
from yarl import URL

from medusa import loopback
from medusa.demo.samples import Samples
from medusa.errors import UserError
from medusa.telegram.phone import Phone, Server, open_phone
from medusa.web.chat import Suggestion, serve_chat
from tests.browser import DESKTOP, PHONE, open_page, plays

MARKUP = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@dataclass(frozen=True)
class Room:
    """The page's address, the phone behind it, and a second session of the account that posts as Medusa would."""

    url: str
    phone: Phone
    other: Phone


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with loopback.serve() as telegram:
        server = Server(telegram.host, telegram.port, telegram.dc_id, telegram.key_file)
        number, code = telegram.owner.phone, telegram.owner.code
        tries = [Suggestion("/dl http://x/clip.mp4", "Video", MARKUP, "Samples")]
        async with (
            open_phone(server, number, code) as phone,
            open_phone(server, number, code) as other,
            serve_chat(phone, tries) as url,
        ):
            yield Room(url, phone, other)


async def post_video(room: Room, path: Path, caption: str = "") -> int:
    video = types.DocumentAttributeVideo(duration=6, w=640, h=360, supports_streaming=True)
    sent = await room.other._client.send_file("me", path, caption=caption, attributes=[video])
    return int(sent.id)


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
async def test_a_command_is_sent_and_its_message_changes_under_the_eyes(room: Room, size: tuple[int, int]) -> None:
    async with open_page(room.url, size) as page:
        await expect(page.get_by_text("Send a link, get the file")).to_be_visible()
        await page.fill("#text", "/dl http://127.0.0.1/x")
        await page.press("#text", "Enter")
        message = page.locator(".message")
        await expect(message.locator(".text")).to_have_text("/dl http://127.0.0.1/x")
        await expect(page.get_by_text("Send a link, get the file")).to_be_hidden()
        [sent] = await room.other.history(0)
        await room.other._client.edit_message("me", sent.id, "halfway there")
        await expect(message.locator(".text")).to_have_text("halfway there")
        await room.other.send(0, "done", reply_to=sent.id)
        await expect(page.locator(".message .quote")).to_have_text("halfway there")
        await room.other._client.edit_message("me", sent.id, "all the way")
        await expect(page.locator(".message .quote")).to_have_text("all the way")
        await room.other.delete(0, sent.id)
        await expect(page.locator(".message")).to_have_count(1)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_a_posted_video_plays_and_goes_on_while_its_caption_is_edited(room: Room, samples: Samples) -> None:
    async with open_page(room.url, DESKTOP) as page:
        posted = await post_video(room, samples.path("streamable.mp4"), "first words")
        assert await plays(page, "video") == (640, 360)
        await page.eval_on_selector("video", "video => { video.dataset.same = 'yes'; video.currentTime = 3; }")
        await room.other._client.edit_message("me", posted, "other words")
        await expect(page.locator(".message .text")).to_have_text("other words")
        assert await page.eval_on_selector("video", "video => [video.dataset.same, video.paused]") == ["yes", False]
        assert await plays(page, "video") == (640, 360)


async def test_strangers_words_stay_words(room: Room, tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"<script>alert(1)</script>")
    channel = await room.other.create_channel(MARKUP)
    await room.other.send(channel, "hello")
    name = types.DocumentAttributeFilename(MARKUP.replace("/", ""))
    await room.other._client.send_file("me", path, caption=MARKUP, attributes=[name], force_document=True)
    link = types.MessageEntityTextUrl(0, 5, "javascript:document.title='owned'")
    await room.other._client.send_message("me", "click me", formatting_entities=[link])
    async with open_page(room.url, DESKTOP) as page:
        await expect(page.locator(".message .text").first).to_have_text(MARKUP)
        await expect(page.locator(".document b")).to_contain_text("<img src=x")
        await expect(page.locator(".chats b").last).to_have_text(MARKUP)
        await expect(page.get_by_text("click me").last).to_be_visible()
        assert await page.locator(".message a[href^=javascript]").count() == 0
        await page.click("#samples-button")
        await expect(page.locator(".card span")).to_have_text(MARKUP)
        assert await page.title() == "Medusa demo"
        assert await page.locator("img[src=x]").count() == 0


async def test_formatting_counts_in_utf16_units_and_may_overlap(room: Room) -> None:
    bold, italic = types.MessageEntityBold(3, 6), types.MessageEntityItalic(6, 6)
    await room.other._client.send_message("me", "😀 bold both it", formatting_entities=[bold, italic])
    async with open_page(room.url, DESKTOP) as page:
        await expect(page.locator(".message .text")).to_have_text("😀 bold both it")
        assert await page.locator(".message .text b").all_inner_texts() == ["bol", "d b"]
        assert await page.locator(".message .text i").all_inner_texts() == ["d b", "oth"]


async def test_channels_replies_and_attachments(room: Room, tmp_path: Path) -> None:
    channel = await room.other.create_channel("News")
    first = await room.other.send(channel, "an old message")
    links = tmp_path / "links.txt"
    links.write_text("Name:https://example.com/a\n")
    async with open_page(room.url, PHONE, scheme="dark") as page:
        await page.click("#back")
        await page.get_by_role("button", name="News").click()
        await expect(page.locator("#chat-title")).to_have_text("News")
        message = page.locator(".message", has_text="an old message")
        await message.hover()
        await message.get_by_role("button", name="Reply").click()
        await page.set_input_files("#file", links)
        await page.fill("#text", "/batch")
        await page.press("#text", "Enter")
        await expect(page.locator(".message .document b")).to_have_text("links.txt")
        await expect(page.locator("#reply")).to_be_hidden()
    sent = (await room.other.history(channel))[-1]
    assert sent.file is not None
    assert (sent.text, sent.reply_to, sent.file.name) == ("/batch", first, "links.txt")


async def test_what_telegram_refuses_is_said(room: Room) -> None:
    async with aiohttp.ClientSession() as web:
        token = await token_of(web, room.url)
        form = aiohttp.MultipartWriter("form-data")
        for name, value in (("chat", "0"), ("text", " ")):
            form.append(value).set_content_disposition("form-data", name=name)
        origin = room.url.rstrip("/")
        async with web.post(f"{room.url}api/send", data=form, headers={"X-Token": token, "Origin": origin}) as answer:
            assert (answer.status, await answer.json()) == (409, {"error": "There is nothing to send."})


async def token_of(web: aiohttp.ClientSession, url: str) -> str:
    async with web.get(url) as answer:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        page = await answer.text()
    return page.split('name="token" content="')[1].split('"')[0]


FOREIGN = (
    ("X-Token", "wrong"),
    ("Origin", "http://evil.example"),
    ("Origin", "null"),
    ("Sec-Fetch-Site", "cross-site"),
    ("Host", "evil.example"),
)


async def test_requests_of_other_pages_are_refused(room: Room) -> None:
    async with aiohttp.ClientSession() as web:
        good = {"X-Token": await token_of(web, room.url), "Origin": room.url.rstrip("/")}
        for header, value in FOREIGN:
            form = aiohttp.FormData({"chat": "0", "text": "stolen"}, default_to_multipart=True)
            async with web.post(f"{room.url}api/send", data=form, headers={**good, header: value}) as answer:
                assert answer.status == 403, header
        form = aiohttp.FormData({"chat": "0", "text": "own"}, default_to_multipart=True)
        async with web.post(f"{room.url}api/send", data=form, headers=good) as answer:
            assert answer.status == 200
        where = URL(room.url)
        reader, writer = await asyncio.open_connection(where.host, where.port)
        head = f"POST /api/send HTTP/1.1\r\nHost: {where.authority}\r\nOrigin: {good['Origin']}\r\nContent-Length: 0"
        writer.write(head.encode() + b"\r\nX-Token: \xff\r\n\r\n")
        assert (await reader.readline()).split()[1] == b"403"
        writer.close()
        for path in ("", "api/chats", "api/events", "static/chat.js"):
            async with web.get(room.url + path, headers={"Host": "evil.example"}) as answer:
                assert answer.status == 403, path
    assert [one.text for one in await room.other.history(0)] == ["own"]


async def test_posted_files_come_by_range_and_only_plain_media_are_shown(
    room: Room, samples: Samples, tmp_path: Path
) -> None:
    data = samples.path("streamable.mp4").read_bytes()
    video = await post_video(room, samples.path("streamable.mp4"))
    path = tmp_path / "page.html"
    path.write_text("<script>document.title='owned'</script>")
    page = await room.other.send(0, "", path)
    async with aiohttp.ClientSession() as web:
        url = f"{room.url}file/{room.phone.user_id}/{video}"
        async with web.get(url, headers={"Range": "bytes=1000-1999"}) as answer:
            assert (answer.status, answer.content_type) == (206, "video/mp4")
            assert answer.headers["Content-Range"] == f"bytes 1000-1999/{len(data)}"
            assert await answer.read() == data[1000:2000]
        async with web.get(url) as answer:
            assert await answer.read() == data
        async with web.get(url, headers={"Range": f"bytes={len(data)}-"}) as answer:
            assert answer.status == 416
        async with web.get(f"{room.url}file/{room.phone.user_id}/{page}") as answer:
            assert answer.content_type == "application/octet-stream"
            assert answer.headers["Content-Disposition"].startswith("attachment;")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for missing in ("file/0/999", "thumb/0/999", f"thumb/0/{page}"):
            async with web.get(room.url + missing) as answer:
                assert answer.status == 404, missing


async def test_a_taken_port_is_said_or_passed_over(room: Room) -> None:
    taken = int(room.url.rsplit(":", 1)[1].strip("/"))
    with pytest.raises(UserError, match=f"Port {taken} is taken"):
        async with serve_chat(room.phone, (), (taken,)):
            pass
    async with serve_chat(room.phone, (), (taken, 0)) as url:
        assert url != room.url
