"""The pages of the panel: who may see and do what, that names stay names, and that forms obey as Telegram does."""

import logging
import re
import time
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest

from medusa import observe
from medusa.backups.copies import read_manifest
from medusa.demo.stage import Stage
from medusa.discover import plugins
from medusa.model import OWNER as OWNER_PERSON
from medusa.model import Order, Role
from medusa.observe.lines import lines
from medusa.settings import QUALITY
from medusa.storage.batches import Places
from medusa.storage.vault import Kind
from medusa.storage.watches import Outcome, Watch
from medusa.watches import filters, times
from medusa.web.page import Page
from tests.e2e.kit import send
from tests.integration.panel_kit import browsing, enter
from tests.integration.test_panel import MARKUP

PAGES = plugins("medusa.web.pages", "PAGE", Page)
SOMEBODY = 77


async def filled(stage: Stage) -> None:
    """A state whose every name is markup."""
    app = stage.app
    await app.access.allow(SOMEBODY, MARKUP, Role.USER, OWNER_PERSON)
    await app.vault.keep_token("example.com", "", "A-TOKEN-NOBODY-SHALL-SEE")
    await send(stage, f"/dl {stage.media.link('notes.pdf')}")
    order = Order("https://example.com/a", name=MARKUP, caption=MARKUP, to=str(stage.owner.user_id), index=1, total=1)
    await app.conductor.batches.add(
        stage.owner.user_id, -5, MARKUP, str(stage.owner.user_id), Places.NONE, [(1, MARKUP, order)], 1e9
    )
    watch = Watch(
        0, stage.owner.user_id, -6, MARKUP, order, times.read("1d", "").stored, filters.read("", "", "", "", "").stored,
        active=False, due=4e9, tail=False,
        items=1, looked=1e9, fails=1, reason=MARKUP, created=1e9,
    )  # fmt: skip
    taken = replace(order, link=stage.media.link("notes.pdf"), batch=MARKUP)
    await app.watcher.table.add(watch, Outcome([(1, MARKUP, taken)], ["a"], passed=3, places=Places.TURNS))
    lines.add(1e9, logging.ERROR, None, MARKUP)
    async with app.store.write() as db:
        await db.run("UPDATE library SET title = ?", (MARKUP,))


def paths() -> list[tuple[str, Page]]:
    return [(page.path.replace("{number}", "1"), page) for page in PAGES.values()]


async def test_each_page_is_for_its_roles_and_names_stay_names(stage: Stage) -> None:
    await filled(stage)
    door, access = stage.app.desk.door, stage.app.access
    async with browsing(door.address) as owner, browsing(door.address) as other, browsing(door.address) as nobody:
        await enter(owner, door)
        await enter(other, door, SOMEBODY)
        for where, page in paths():
            text = await owner.get(where)
            assert owner.status == 200, where
            assert "<script>document" not in text and "<img src=x" not in text, where
            assert "A-TOKEN-NOBODY-SHALL-SEE" not in text, where
            await nobody.get(where)
            assert nobody.status == 303, where
            for role in (Role.VIEWER, Role.USER, Role.ADMIN):
                await access.allow(SOMEBODY, "Somebody", role, OWNER_PERSON)
                await other.get(where)
                expected = 303 if role < Role.ADMIN else 200 if page.role <= role else 404
                assert other.status == expected, (where, role)
        assert "&lt;script&gt;" in await owner.get("/logs?level=error")


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
async def test_each_page_obeys_its_own_commands_alone(stage: Stage, role: Role) -> None:
    door = stage.app.desk.door
    async with browsing(door.address) as browser:
        if role is Role.OWNER:
            await enter(browser, door)
        else:
            await stage.app.access.allow(SOMEBODY, "Somebody", role, OWNER_PERSON)
            await enter(browser, door, SOMEBODY)
        for where, page in paths():
            if not page.commands or "{" in page.path:
                continue
            await browser.post(where, {"do": "erase all"})
            if page.role > role:
                assert browser.status == 404, where
                continue
            assert "does not give the command" in await browser.follow(), where


async def test_the_library_shows_small_pictures(stage: Stage) -> None:
    for name in ("clip.mp4", "notes.pdf"):
        await send(stage, f"/dl {stage.media.link(name)}")
    door = stage.app.desk.door
    async with browsing(door.address) as nobody:
        await nobody.get("/library/1.jpg")
        assert nobody.status == 303
    async with browsing(door.address) as browser:
        await enter(browser, door)
        assert 'src="/library/1.jpg"' in await browser.get("/library")
        async with browser.web.get(f"{door.address}/library/1.jpg") as answer:
            assert (answer.status, (await answer.read())[:3]) == (200, b"\xff\xd8\xff")
        for path in ("/library/2.jpg", "/library/9.jpg", "/library/x.jpg"):
            await browser.get(path)
            assert browser.status == 404, path


async def test_no_page_shows_a_secret_that_was_learnt_after_its_line(stage: Stage) -> None:
    door = stage.app.desk.door
    await send(stage, f"/dl {stage.media.link('notes.pdf')}")
    lines.add(1e9, logging.ERROR, 1, "asked with a-secret-of-tomorrow")
    observe.hide(["a-secret-of-tomorrow"])
    async with browsing(door.address) as browser:
        await enter(browser, door)
        for where in ("/logs?level=error", "/jobs/1"):
            text = await browser.get(where)
            assert "asked with [secret]" in text and "a-secret-of-tomorrow" not in text, where


async def test_the_log_is_the_owners_alone(stage: Stage) -> None:
    door = stage.app.desk.door
    await send(stage, f"/dl {stage.media.link('notes.pdf')}")
    lines.add(1e9, logging.ERROR, 1, "a line about this job")
    await stage.app.access.allow(SOMEBODY, "Somebody", Role.ADMIN, OWNER_PERSON)
    async with browsing(door.address) as owner, browsing(door.address) as other:
        await enter(owner, door)
        assert "a line about this job" in await owner.get("/jobs/1")
        await enter(other, door, SOMEBODY)
        text = await other.get("/jobs/1")
        assert (other.status, "a line about this job" in text, "notes.pdf" in text) == (200, False, True)


async def test_commands_that_look_for_a_file_know_that_there_is_no_message(stage: Stage) -> None:
    door = stage.app.desk.door
    async with browsing(door.address) as browser:
        await enter(browser, door)
        for path, line, said in (("/batches", "batch", "Which list?"), ("/vault", "cookies", "There are no cookies.")):
            await browser.post(path, {"do": line})
            assert browser.status == 303, line
            assert said in await browser.follow()


async def test_nobody_but_the_owner_reads_of_the_password(stage: Stage) -> None:
    door = stage.app.desk.door
    await door.set_password("correct horse battery")
    await stage.app.access.allow(SOMEBODY, "Somebody", Role.ADMIN, OWNER_PERSON)
    async with browsing(door.address) as owner, browsing(door.address) as other:
        await enter(owner, door)
        assert "A password lets you in." in await owner.get("/sessions")
        await enter(other, door, SOMEBODY)
        text = await other.get("/sessions")
        assert ("Logged in" in text, "assword" in text) == (True, False)


async def test_forms_do_what_they_say(stage: Stage) -> None:
    await stage.app.access.allow(SOMEBODY, "Anna", Role.USER, OWNER_PERSON)
    await stage.app.vault.keep_token("example.com", "", "A-TOKEN-NOBODY-SHALL-SEE")
    door, access, settings = stage.app.desk.door, stage.app.access, stage.app.settings
    async with browsing(door.address) as browser:
        await enter(browser, door)

        async def sends(path: str, **fields: str) -> str:
            await browser.post(path, fields)
            return await browser.follow()

        assert "quality is now 720." in await sends("/settings", key="quality", value="720")
        assert settings[QUALITY] == "720"
        assert "does not fit quality" in await sends("/settings", key="quality", value="huge")
        assert "quality is best again." in await sends("/settings", do="unset quality")
        assert "5.0 GB a day, 20 jobs an hour" in await sends("/people", who=str(SOMEBODY), daily="5GB", hourly="20")
        assert "is no quota" in await sends("/people", who=str(SOMEBODY), daily="lots")
        assert "By @name or by" in await sends("/people", who="77 admin --trust", role="admin")
        assert "used: 0 B today, 0 jobs within the hour" in await browser.get("/people")
        await sends("/people", who=str(SOMEBODY), daily="", hourly="")
        somebody = access.person(SOMEBODY)
        assert somebody and (somebody.bytes_a_day, somebody.jobs_an_hour) == (None, None)
        assert "Forgotten: token of example.com." in await sends("/vault", kind="token", site="example.com")
        assert "nothing like that" in await sends("/vault", kind="token", site="a b --x")
        assert "can be restored" in await sends("/backups", do="backup now")
        assert "read back" in await browser.get("/backups")
        for value, words in (("0 4 * * *", "at 0 4 * * *"), ("off", "none by themselves"), ("12h", "every 12h")):
            await settings.set("backup", value)
            assert f"<span>{words}</span>" in await browser.get("/backups")


async def test_what_was_refused_stands_in_its_form_again(stage: Stage) -> None:
    await stage.app.access.allow(SOMEBODY, "Somebody", Role.ADMIN, OWNER_PERSON)
    door = stage.app.desk.door
    async with browsing(door.address) as browser:
        await enter(browser, door, SOMEBODY)
        for key, value, why in (
            ("quality", "huge <b>", "does not fit quality"),
            ("prefix", "", "Which value?"),
            ("backup", "1h", "for the owner"),
        ):
            await browser.post("/settings", {"key": key, "value": value})
            text = await browser.follow()
            [(above, row)] = re.findall(rf'(?s)(.*)(<label class="name" for="value-{key}">.*?</li>)', text)
            assert why in row and f'value="{escape(value)}"' in row and "aria-invalid" in row, key
            assert why not in above and text.count('role="alert"') == text.count("aria-invalid") == 1, key
        await browser.post("/settings", {"key": "no-such", "value": "x"})
        text = await browser.follow()
        assert "There is no setting" in text.partition("<h1>")[0] and "aria-invalid" not in text
        await browser.post("/settings", {"key": "quality", "value": "720"})
        assert "quality is now 720." in (await browser.follow()).partition("<h1>")[0]

        await browser.post("/", {"links": "https://a.example/1", "quality": "720", "options": "--att 3 <"})
        text = await browser.follow()
        assert "There is no option" in text
        assert ">https://a.example/1</textarea>" in text and "<option selected>720<" in text
        assert 'value="--att 3 &lt;"' in text
        assert "https://a.example/1" not in await browser.get("/")
        await browser.post("/", {"links": "https://a.example/1", "options": "--header 'X-Key: hush' --att"})
        text = await browser.follow()
        assert "for the owner" in text and "hush" not in text


async def test_the_panel_forgets_one_header_and_shows_no_key(stage: Stage) -> None:
    door, vault, backups = stage.app.desk.door, stage.app.vault, stage.app.backups
    for name in ("X-One", "X!Two"):
        await vault.keep_header("example.com", name, "value")
    async with browsing(door.address) as browser:
        await enter(browser, door)
        await browser.post("/vault", {"kind": "header", "site": "example.com", "name": "X!Two"})
        assert [one.name for one in await vault.kept(Kind.HEADER)] == ["X-One"]
        await browser.post("/vault", {"kind": "header", "site": "example.com", "name": "no name"})
        assert "nothing like that" in await browser.follow()
        assert [one.name for one in await vault.kept(Kind.HEADER)] == ["X-One"]
        await browser.post("/backups", {"do": "backup key"})
        assert "in Saved Messages only" in await browser.follow()
        assert not (await backups.table.key()).shown


async def test_the_panel_forgets_the_token_without_a_name_alone(stage: Stage) -> None:
    door, vault = stage.app.desk.door, stage.app.vault
    for name in ("", "first", "second"):
        await vault.keep_token("example.com", name, "A-TOKEN-NOBODY-SHALL-SEE")
    async with browsing(door.address) as browser:
        await enter(browser, door)
        await browser.get("/vault")
        await browser.post("/vault", {"kind": "token", "site": "example.com", "name": ""})
        assert "Forgotten: token of example.com." in await browser.follow()
        assert [one.name for one in await vault.kept(Kind.TOKEN)] == ["first", "second"]
        await browser.post("/vault", {"kind": "token", "site": "example.com", "name": "first"})
        assert [one.name for one in await vault.kept(Kind.TOKEN)] == ["second"]


async def test_a_form_made_by_hand_puts_the_login_into_a_backup_for_the_owner_alone_and_on_record(
    stage: Stage, tmp_path: Path
) -> None:
    access, door, backups = stage.app.access, stage.app.desk.door, stage.app.backups
    await access.allow(SOMEBODY, "Somebody", Role.ADMIN, OWNER_PERSON)
    usb = tmp_path / "usb"
    usb.mkdir()
    form = {"do": f"backup --with-session to {usb}"}
    async with browsing(door.address) as owner, browsing(door.address) as other:
        path = door.link(SOMEBODY).removeprefix(door.address)
        await other.get(path)
        await other.post(path, {})
        await other.get("/")
        assert "This page is for the owner" in await other.post("/backups", form)
        await other.post("/", form)
        assert "does not give the command" in await other.follow()
        assert await backups.table.records() == []
        await enter(owner, door)
        await owner.post("/backups", form)
        assert "The login is in it" in await owner.follow()
    [record] = await backups.table.records()
    with (usb / record.name).open("rb") as source:
        assert read_manifest(source, (await backups.table.key()).key).login
    [entry] = await access.audit.recent(1)
    assert entry.act == "backup"
    assert str(entry.detail).startswith("--with-session to ")


async def test_trust_is_given_by_the_owner_alone(stage: Stage) -> None:
    access, door = stage.app.access, stage.app.desk.door
    await access.allow(SOMEBODY, "Somebody", Role.ADMIN, OWNER_PERSON)
    await access.allow(78, "Anna", Role.USER, OWNER_PERSON)
    async with browsing(door.address) as owner, browsing(door.address) as other:
        await enter(other, door, SOMEBODY)
        assert "--trust" not in await other.get("/people")
        await other.post("/people", {"do": "allow 78 --trust"})
        assert "is for the owner, not for you" in await other.follow()
        await enter(owner, door)
        for given, trusted in (("--trust", True), ("--no-trust", False)):
            assert f'value="allow 78 {given}"' in await owner.get("/people")
            await owner.post("/people", {"do": f"allow 78 {given}"})
            anna = access.person(78)
            assert anna and (anna.role, anna.trusted) == (Role.USER, trusted)


async def test_long_lists_are_turned_page_by_page(stage: Stage) -> None:
    batches, home, order = stage.app.conductor.batches, stage.owner.user_id, Order("https://example.com/a", total=205)
    items = [(seq, f"Item {seq}", replace(order, index=seq)) for seq in range(1, 206)]
    for number in range(1, 53):
        await batches.add(
            home, -number, f"List {number}", str(home), Places.NONE, items if number == 1 else items[:1], 1e9
        )
    async with browsing(stage.app.desk.door.address) as browser:
        await enter(browser, stage.app.desk.door)
        newest = await browser.get("/batches")
        assert "List 52<" in newest and "List 3<" in newest and "List 2<" not in newest
        assert 'href="/batches?before=3"' in newest
        older = await browser.get("/batches?before=3")
        assert "List 2<" in older and "List 1<" in older and "List 3<" not in older
        assert 'href="/batches"' in older and "before=" not in older.partition('aria-label="Pages of the batches"')[2]
        assert "There are no batches before that." in await browser.get("/batches?before=1")

        first = await browser.get("/batches/1")
        assert "001. Item 1<" in first and "200. Item 200<" in first and "Item 201<" not in first
        assert 'href="/batches/1?from=201"' in first
        last = await browser.get("/batches/1?from=201")
        assert "201. Item 201<" in last and "205. Item 205<" in last and "Item 200<" not in last
        assert 'href="/batches/1?from=1"' in last and "from=206" not in last
        assert "It has no such place." in await browser.get("/batches/1?from=206")
        assert "Nothing was posted before that." in await browser.get("/library?before=1")


async def test_a_watch_shows_its_runs_and_items(stage: Stage) -> None:
    await filled(stage)
    table, door = stage.app.watcher.table, stage.app.desk.door
    async with browsing(door.address) as browser:
        await enter(browser, door)
        kept = await table.get(1)
        assert kept is not None
        topic = replace(kept, message_id=-7, order=replace(kept.order, to=f"{stage.owner.user_id - 1}/5"))
        await table.add(topic, Outcome(keys=["a"]))
        assert f"<bdi>{stage.owner.user_id - 1}, topic 5</bdi>" in await browser.get("/watches/2")
        await browser.post("/watches", {"do": "unwatch 2"})
        assert 'href="/watches/1"' in await browser.get("/watches")
        text = await browser.get("/watches/1")
        assert "1 taken" in text and "3 passed over" in text and 'href="/batches/2"' in text
        assert "&lt;script&gt;document" in text and "<script>document" not in text
        for act, active in (("watch pause 1", False), ("watch resume 1", True)):
            await browser.post("/watches/1", {"do": act})
            assert "Watch 1" in await browser.follow()
            kept = await table.get(1)
            assert kept and kept.active is active
        await browser.post("/watches", {"do": "unwatch 1"})
        assert "is watched no more" in await browser.follow()
        for path in ("/watches/1", "/watches/x", "/watches/99999999999999999999"):
            await browser.get(path)
            assert browser.status == 404, path


async def test_charts_say_what_the_table_says(stage: Stage) -> None:
    now, door = time.time(), stage.app.desk.door
    async with browsing(door.address) as browser:
        await enter(browser, door)
        assert "Nothing was done in this span" in await browser.get("/charts?span=today")
        await stage.app.numbers.keep(now, 5 * 10**9, 80 * 10**6)
        await send(stage, f"/dl {stage.media.link('notes.pdf')}")
        text = await browser.get("/charts?span=7d")
        assert "Nothing was done in this span" not in text
        values = [row.split(",") for row in re.findall(r'data-values="([^"]*)"', text)]
        assert all(len(row) == 9 for row in values)
        assert values[-1][0] == "1" and values[-1][7:] == ["80000000", "5000000000"]
        idle = [row for row in values if row[0] == "0"]
        assert idle and {tuple(row[5:]) for row in idle} == {("", "", "", "")}
        assert "Nothing was done" not in await browser.get("/charts?span=<b>")
