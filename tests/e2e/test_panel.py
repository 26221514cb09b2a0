"""The panel in a real browser, with real jobs: what is seen, what is done, and that all can use it."""

import re
import time

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from medusa.demo.stage import Stage
from medusa.door import OWNER
from medusa.model import JobState
from tests.browser import DESKTOP, open_page, picture
from tests.integration.test_panel_pages import filled, paths

PHONE = (390, 844)


COVERED = """() => {
  const box = (one) => one.getBoundingClientRect();
  const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
  const buttons = [...document.querySelectorAll("main .card button")]
    .filter((one) => box(one).width && !one.closest(".sheet"));
  return [...document.querySelectorAll("main .card .badge")].filter((badge) =>
    buttons.some((button) => !badge.contains(button) && !button.contains(badge) && !apart(box(badge), box(button)))
  ).map((badge) => badge.textContent);
}"""
"""The words of badges that a button lies upon; an open sheet is meant to lie upon everything."""


async def usable(page: Page) -> None:
    """Assert that the page fits its window, no button lies upon a badge, and axe finds nothing serious."""
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert await page.evaluate(COVERED) == []
    found = await Axe().run(page)
    serious = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious] == []


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
async def test_the_queue_is_seen_and_steered(stage: Stage, size: tuple[int, int], scheme: str) -> None:
    door, home, jobs = stage.app.desk.door, stage.owner.user_id, stage.app.jobs
    async with open_page(f"{door.address}/", size, scheme=scheme) as page:
        await expect(page.get_by_text("/panel", exact=True)).to_be_visible()
        await usable(page)
        await page.goto(door.link(OWNER))
        await usable(page)
        await page.get_by_role("button", name="Log in").press("Enter")
        await expect(page.get_by_text("The queue is empty.")).to_be_visible()
        await expect(page.locator("#live-words")).to_have_text("live")

        await stage.app.settings.set("limit-down", "60K")  # so that there is something to see
        await page.fill("#links", "\n".join(stage.media.link(f"clip.mp4?n={number}") for number in range(5)))
        await page.fill("#options", "--silent")
        await page.get_by_role("button", name="Add", exact=True).click()
        await expect(page.locator(".job")).to_have_count(5)
        await expect(page.locator(".job.running progress[value]").first).to_be_visible()
        await picture(page, "panel-phone" if size == PHONE else "panel")
        await page.get_by_role("button", name="Pause all").click()
        await expect(page.locator(".job.paused")).to_have_count(5)
        await usable(page)
        for number in (3, 4, 5):
            await page.locator(f"#resume-{number}").click()
            await expect(page.locator(f"#pause-{number}")).to_be_visible()
        await page.locator("#more-of-5").click()
        await usable(page)
        await page.locator("#top-5").click()
        await expect(page.locator(".said")).to_have_text("Job #5 is at place 1 of 1.")
        await page.locator("#more-of-2").click()
        await page.locator("#high-2").click()
        await expect(page.locator(".said")).to_have_text("Job #2 has high priority.")
        await page.locator("#cancel-1").click()
        await expect(page.locator("#retry-1")).to_be_visible()

        await page.locator("#job-2").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("clip.mp4")
        await usable(page)
        await page.locator("#resume-2").click()
        await stage.app.settings.unset("limit-down")
        await expect(page.locator(".state .badge")).to_have_text(re.compile("done"))
        await expect(page.get_by_text("Saved Messages")).to_be_visible()
        await expect(page.locator(".laps meter").first).to_be_visible()
        await usable(page)
        if size == PHONE:
            await page.locator("#all-pages summary").click()
            await usable(page)
        await page.get_by_role("navigation").get_by_role("link", name="Sessions").locator("visible=true").click()
        await expect(page.get_by_text("last seen")).to_be_visible()
        await usable(page)
        await page.get_by_role("button", name="Log out everywhere").click()
        await expect(page.get_by_text("Saved Messages")).to_be_visible()
    await stage.app.idle()
    assert [job.state for job in reversed(await jobs.recent(9))] == [JobState.CANCELLED, *[JobState.DONE] * 4]
    assert [one.text for one in await stage.owner.history(home) if one.file is None]


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "dark"), (PHONE, "light")])
async def test_all_pages_can_be_used(stage: Stage, size: tuple[int, int], scheme: str) -> None:
    door = stage.app.desk.door
    await filled(stage)
    async with open_page(f"{door.address}/", size, scheme=scheme) as page:
        await page.goto(door.link(OWNER))
        await page.get_by_role("button", name="Log in").click()
        await expect(page.locator("#live-words")).to_have_text("live")
        for path in [path for path, _ in paths()]:
            await page.goto(door.address + path)
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            await usable(page)
        await stage.app.numbers.keep(time.time(), 5 * 10**9, 80 * 10**6)
        await page.goto(f"{door.address}/charts?span=today")
        await expect(page.locator(".chart canvas")).to_have_count(5)
        if size == DESKTOP:
            await picture(page, "panel-charts")
        await page.goto(f"{door.address}/settings")
        await page.select_option("#value-silent", "on")
        await page.get_by_role("button", name="Set silent").press("Enter")
        await expect(page.locator(".said")).to_have_text("silent is now on.")
        await page.get_by_role("button", name="Reset silent").click()
        await expect(page.locator(".said")).to_have_text("silent is off again.")
        await page.fill("#value-quality", "huge")
        await page.get_by_role("button", name="Set quality").click()
        await expect(page.locator("#wrong-quality")).to_contain_text("does not fit quality")
        await expect(page.locator("#value-quality")).to_have_value("huge")
        await expect(page.locator("#value-quality")).to_be_focused()
        await usable(page)
        await page.goto(f"{door.address}/people")
        await page.locator("#more-of-77").click()
        await usable(page)
        await page.fill("#hourly-77", "20")
        await page.get_by_role("button", name="Set quota").click()
        await expect(page.locator(".said")).to_contain_text("20 jobs an hour")
        await page.goto(f"{door.address}/backups")
        await page.get_by_role("button", name="Back up now").click()
        await expect(page.get_by_text("read back", exact=True)).to_be_visible()
        await page.goto(f"{door.address}/watches")
        await page.locator("#watch-1").click()
        await expect(page.get_by_text("3 passed over")).to_be_visible()
        await page.get_by_role("button", name="Pause watch 1").press("Enter")
        await expect(page.locator(".state .badge")).to_have_text("paused")
        await page.locator("#run-2").click()
        await expect(page.locator(".state .badge")).to_be_visible()
        await page.goto(f"{door.address}/watches/1")
        await page.locator("#end-1").click()
        await expect(page.get_by_text("Nothing is watched.")).to_be_visible()


async def test_it_reads_and_acts_without_scripts(stage: Stage) -> None:
    door = stage.app.desk.door
    async with open_page(f"{door.address}/", DESKTOP, scripts=False) as page:
        await page.goto(door.link(OWNER))
        await page.get_by_role("button", name="Log in").click()
        await page.fill("#links", f"{stage.media.link('clip.mp4')} --at +9h")
        await page.get_by_role("button", name="Add", exact=True).click()
        await expect(page.locator(".job.waiting")).to_contain_text("Scheduled for")
        await page.locator("#more-of-1").click()
        await page.locator("#low-1").click()
        await expect(page.locator(".said")).to_have_text("Job #1 has low priority.")
        await page.locator("#cancel-1").click()
        await expect(page.locator(".job.cancelled")).to_have_count(1)
