"""A real Chromium for the tests of pages, which minds every error and every request to the outside."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import ConsoleMessage, Page, Request, async_playwright, expect

NAMES = ("chromium", "chromium-browser", "google-chrome")
PHONE = (360, 740)
DESKTOP = (1280, 800)


@asynccontextmanager
async def open_page(
    url: str, size: tuple[int, int], *, scheme: str = "light", scripts: bool = True
) -> AsyncIterator[Page]:
    """The page at ``url`` in a window of ``size`` pixels; on leaving, asserts that nothing went wrong in it."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    assert executable, (
        f"The page is tested in a real browser: install one of {', '.join(NAMES)} (apt install chromium)."
    )
    complaints: list[str] = []

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"console: {message.text}")

    def request(sent: Request) -> None:
        if not sent.url.startswith((url, "data:", "blob:")):
            complaints.append(f"request to the outside: {sent.url}")

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            java_script_enabled=scripts,
        )
        page = await context.new_page()
        page.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        page.on("console", console)
        page.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
        page.on("request", request)
        await page.goto(url)
        yield page
        await browser.close()
    assert not complaints, complaints


async def picture(page: Page, name: str) -> None:
    """Keep a picture of the page as NAME.png, where the environment's SCREENSHOTS names a folder for them."""
    if folder := os.environ.get("SCREENSHOTS"):
        # The caret is left alone, since hiding it takes a style that the page forbids.
        await page.screenshot(path=Path(folder) / f"{name}.png", caret="initial")


_PLAY = """media => new Promise((resolve, reject) => {
  media.addEventListener("error", () => reject(new Error(media.error.message)));
  media.addEventListener("timeupdate", () => {
    if (media.readyState >= 2 && media.currentTime > 0.2) resolve([media.videoWidth ?? 0, media.videoHeight ?? 0]);
  });
  media.muted = true;
  media.play();
})"""


async def plays(page: Page, selector: str) -> tuple[int, int]:
    """Play the video or audio that ``selector`` finds until its time advances; returns its natural width and height."""
    await page.wait_for_selector(selector)
    width, height = await page.eval_on_selector(selector, _PLAY)
    return width, height
