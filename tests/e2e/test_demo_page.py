"""The demo in a real browser: click a sample, and the file comes back and plays."""

import re

import pytest
from playwright.async_api import Page, expect

from medusa.commands import Command
from medusa.demo.show import suggestions
from medusa.demo.stage import Stage
from medusa.discover import plugins
from medusa.web.chat import serve_chat
from tests.browser import DESKTOP, PHONE, open_page, plays

NARROW = (390, 844)


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
async def test_a_click_brings_a_video_that_plays(stage: Stage, size: tuple[int, int], scheme: str) -> None:
    await stage.channel("My channel")
    async with serve_chat(stage.owner, suggestions(stage.media)) as url, open_page(url, size, scheme=scheme) as page:
        await page.get_by_role("button", name="Try it with a sample video").click()
        assert await plays(page, "video") == (640, 360)
        assert await page.get_attribute("video", "poster") is not None
        await expect(page.locator(".message").first).to_contain_text("clip")
        await page.click("#samples-button")
        await page.get_by_role("button", name="Phone video").click()
        await page.wait_for_selector(".message:nth-of-type(5) video")
        assert await plays(page, ".message:nth-of-type(5) video") == (360, 640)
        await page.fill("#text", f"/dl {stage.media.link('dead')}")
        await page.press("#text", "Enter")
        await expect(page.locator(".message").last).to_contain_text("404")
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_a_song_can_be_heard_and_a_document_be_saved(stage: Stage) -> None:
    async with serve_chat(stage.owner, suggestions(stage.media)) as url, open_page(url, DESKTOP) as page:
        await page.fill("#text", stage.media.link("song.mp3"))
        await page.press("#text", "Enter")
        await plays(page, "audio")
        await expect(page.locator(".song")).to_contain_text("The Sine Waves")
        await page.fill("#text", f"/dl {stage.media.link('notes.pdf')}")
        await page.press("#text", "Enter")
        async with page.expect_download() as download:
            await page.locator("a.document").click()
        saved = await (await download.value).path()
        assert saved.read_bytes().startswith(b"%PDF-1.4")


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (NARROW, "dark")])
async def test_videos_are_reworked_by_clicks_and_taps(stage: Stage, size: tuple[int, int], scheme: str) -> None:
    async with serve_chat(stage.owner, suggestions(stage.media)) as url, open_page(url, size, scheme=scheme) as page:
        await choose(page, "/merge 2")
        await expect(page.locator("#notice")).to_contain_text("takes two videos")
        await choose(page, "VideoMP4")
        await expect(page.locator("video")).to_have_count(1)
        await choose(page, "Second video")
        await expect(page.locator("video")).to_have_count(2)
        await choose(page, "/merge 2")
        await expect(page.locator("video")).to_have_count(3)
        await expect(page.locator(".message").last).to_contain_text("clip (merged).mp4")
        await choose(page, "/trim 1-3 --dry-run")
        await expect(page.locator(".message").last).to_contain_text("→ upload")
        if size == NARROW:
            await page.locator(".message", has=page.locator("video")).first.locator(".file-line span").click()
            await expect(page.locator("#reply-text")).to_have_text("clip")
            await page.fill("#text", "/trim 1-3")
            await page.press("#text", "Enter")
            await expect(page.locator("video")).to_have_count(4)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def choose(page: Page, name: str) -> None:
    """Click one of the suggestions, by how it begins."""
    await page.click("#samples-button")
    await page.locator(".card").filter(has_text=re.compile(rf"^{re.escape(name)}")).first.click()


async def test_a_menu_is_answered_by_a_reply(stage: Stage) -> None:
    async with serve_chat(stage.owner, suggestions(stage.media)) as url, open_page(url, DESKTOP) as page:
        for text in ("/dl a.example/1 --at +9h", "/dl a.example/2 --at +9h", "/cancel"):
            await page.fill("#text", text)
            await page.press("#text", "Enter")
            await expect(page.locator(".message .text").last).not_to_have_text(text)
        await expect(page.locator(".message").last).to_contain_text("2. #2")
        await page.locator(".message").last.hover()
        await page.locator(".message").last.get_by_role("button", name="Reply").click()
        await page.fill("#text", "2")
        await page.press("#text", "Enter")
        await expect(page.locator(".message").last).to_contain_text("Job #2 is cancelled.")


async def test_every_suggestion_names_a_command_that_medusa_knows(stage: Stage) -> None:
    commands = plugins("medusa.commands", "COMMAND", Command).values()
    known = {name for command in commands for name in (command.name, *command.aliases)}
    for suggestion in suggestions(stage.media):
        first = suggestion.command.split()[0]
        assert first.startswith("http://") or first.removeprefix("/") in known, suggestion
